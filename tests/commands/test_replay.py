"""`replay`'s own arguments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.commands.replay import parse_time
from pipeline.errors import BadInputError


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01T09:00:00Z", datetime(2026, 5, 1, 9, tzinfo=UTC)),
        ("2026-05-01T09:00:00+02:00", datetime(2026, 5, 1, 7, tzinfo=UTC)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, moment: datetime) -> None:
    assert parse_time(text) == moment


@pytest.mark.parametrize(
    "text", ["", "rubbish", "25:00", "0001-01-01T00:00:00+14:00", "0500-01-01", "9999-12-31T23:59:59Z"]
)
def test_what_is_no_time_of_a_recording(text: str) -> None:
    with pytest.raises(BadInputError, match=f"--start-time {text.replace('+', '.')}: not "):
        parse_time(text)

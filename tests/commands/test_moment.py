"""Moments as options take them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.commands.moment import parse_moment
from pipeline.errors import BadInputError

NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("90s", datetime(2026, 5, 2, 11, 58, 30, tzinfo=UTC)),
        ("1h30m", datetime(2026, 5, 2, 10, 30, tzinfo=UTC)),
        ("2d", datetime(2026, 4, 30, 12, tzinfo=UTC)),
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T09:00:00Z", datetime(2026, 5, 1, 9, tzinfo=UTC)),
        ("2026-05-01T09:00:00+02:00", datetime(2026, 5, 1, 7, tzinfo=UTC)),
    ],
)
def test_times_and_spans(text: str, moment: datetime) -> None:
    assert parse_moment("--since", text, NOW) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "10", "10x", "-5m", "9" * 30 + "d", "2026-13-01", "\udcff"]
)
def test_what_is_no_moment_names_the_option(text: str) -> None:
    with pytest.raises(BadInputError, match=r"--since .*give a time"):
        parse_moment("--since", text, NOW)

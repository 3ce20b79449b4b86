"""A moment in the past as options take it: a time, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from pipeline.errors import BadInputError

_UNIT_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_moment(option: str, text: str, now: datetime) -> datetime:
    """`2026-05-01`, `2026-05-01T09:00:00Z`, or `90s` `10m` `1h30m` `2d` before now; without a zone it is UTC.

    Raises BadInputError that names the option.

    >>> parse_moment("--since", "1h30m", datetime(2026, 5, 1, 9, tzinfo=UTC)).isoformat()
    '2026-05-01T07:30:00+00:00'
    """
    spans: list[tuple[str, str]] = re.findall(r"([0-9]+)([dhms])", text)
    try:
        if spans and "".join(value + unit for value, unit in spans) == text:
            return now - timedelta(seconds=sum(int(value) * _UNIT_S[unit] for value, unit in spans))
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInputError(
            f"{option} {text}: give a time (2026-05-01T09:00:00Z) or how long ago (10m, 1h30m, 2d)"
        ) from None

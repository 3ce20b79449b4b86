"""Reading a Redis stream entry by entry, from a place on; one's share of a group's entries is in group.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import redis

from pipeline.errors import BadInputError
from pipeline.events.delivery.gap import Gap, Numbers, number_of

WAIT_S = 0.5
"""how long one read waits for news, and so how soon a wish to stop is heard"""
BATCH = 100

_LAST = 2**64 - 1
"""the highest number of an entry within its millisecond"""
BEGINNING = "0-0"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as it lies in the stream, perhaps written by another program."""

    id: str
    fields: Mapping[bytes, bytes]
    """empty where it is gone: deleted or trimmed while it waited in a group"""
    gap: Gap | None = None
    """what is missing before it"""


class StreamReader(Protocol):
    """A way to read one stream. Every method may raise redis.RedisError; nothing is lost by calling it again."""

    stream: str

    def open(self, client: redis.Redis) -> None:
        """Find the place to read from; called on every new connection, and goes on where it was."""
        ...

    def read(self, client: redis.Redis) -> list[RawEntry]:
        """The next entries, waiting up to WAIT_S for some; may be empty."""
        ...

    def done(self, client: redis.Redis, entry: RawEntry) -> None:
        """This entry was dealt with; called for each, in order."""
        ...

    def close(self, client: redis.Redis) -> None:
        """Reading ends: leave to others what was read and not dealt with."""
        ...


@dataclass(frozen=True, slots=True)
class Since:
    """Where to begin: behind an entry, some time ago by the server's clock, or (neither given) now."""

    after_id: str | None = None
    ago: timedelta | None = None

    def resolve(self, client: redis.Redis, stream: str) -> str:
        """The id behind which to read."""
        if self.after_id is not None:
            return self.after_id
        if self.ago is not None:
            seconds, microseconds = client.time()
            return before_ms(1000 * seconds + microseconds // 1000 - self.ago // timedelta(milliseconds=1))
        # not "$", which means now each time it is said: what comes while we reconnect must not be lost
        newest = client.xrevrange(stream, count=1)
        return _text(newest[0][0]) if newest else BEGINNING


def parse_since(text: str) -> Since:
    """`0` (everything), a stream id (what comes behind it), `90s` `10m` `1h30m` `2d` (ago), or an ISO time.

    A time without a zone is UTC, as all our times. It is the time of publishing: a replay publishes today what
    was seen long ago. Raises BadInputError.
    """
    if match := re.fullmatch(r"([0-9]{1,19})(?:-([0-9]{1,19}))?", text):
        return Since(after_id=f"{int(match[1])}-{int(match[2] or 0)}")
    spans: list[tuple[str, str]] = re.findall(r"([0-9]+)([dhms])", text)
    try:
        if spans and "".join(value + unit for value, unit in spans) == text:
            return Since(ago=timedelta(seconds=sum(int(value) * _UNIT_S[unit] for value, unit in spans)))
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return Since(after_id=before_ms((moment - _EPOCH) // timedelta(milliseconds=1)))
    except (ValueError, OverflowError):
        raise BadInputError(
            f"--since {text}: give a time (2026-05-01T09:00:00Z), how long ago (10m, 1h30m, 2d), "
            "a stream id, or 0 for everything"
        ) from None


def before_ms(milliseconds: int) -> str:
    """The id just before every entry of this millisecond since 1970."""
    return f"{milliseconds - 1}-{_LAST}" if milliseconds > 0 else BEGINNING


class LastIdReader:
    """Reads everything behind an id, and remembers the last one: each reader of this kind sees every entry."""

    def __init__(self, stream: str, since: Since) -> None:
        self.stream = stream
        self._since = since
        self._last: str | None = None
        self._numbers = Numbers()
        self._beginning_is_gone = False
        """the stream no longer reaches back to where reading is to begin"""

    def open(self, client: redis.Redis) -> None:
        if self._last is None:
            last = self._since.resolve(client, self.stream)
            before = entries_of(client.xrevrange(self.stream, max=last, count=1))
            self._numbers.last = number_of(before[0].fields) if before else None
            if not before and last != BEGINNING:
                first = entries_of(client.xrange(self.stream, count=1))
                self._beginning_is_gone = bool(first) and (number_of(first[0].fields) or 1) > 1
            self._last = last

    def read(self, client: redis.Redis) -> list[RawEntry]:
        assert self._last is not None, "open comes first"
        return [self._checked(each) for each in wait_for(client, self.stream, self._last, BATCH)]

    def done(self, client: redis.Redis, entry: RawEntry) -> None:
        self._last = entry.id

    def close(self, client: redis.Redis) -> None:
        """Nobody else reads what this one did not."""

    def _checked(self, entry: RawEntry) -> RawEntry:
        missed = self._numbers.missed(entry.fields) or (None if self._beginning_is_gone else 0)
        self._beginning_is_gone = False
        return entry if missed == 0 else replace(entry, gap=Gap(self.stream, entry.id, missed))


def wait_for(client: redis.Redis, stream: str, after: str, count: int) -> list[RawEntry]:
    """The entries behind an id, `count` at most, waiting up to WAIT_S for some. Raises redis.RedisError."""
    reply = client.xread({stream: after}, count=count, block=milliseconds(WAIT_S))
    return entries_in(reply)


def milliseconds(seconds: float) -> int:
    """Whole milliseconds."""
    return round(1000 * seconds)


def entries_in(reply: object) -> list[RawEntry]:
    """The entries of a reply about one stream: `[[stream, [(id, {field: value})]]]`, empty or None for none."""
    return [entry for _, some in (reply if isinstance(reply, list) else ()) for entry in entries_of(some)]


def entries_of(reply: object) -> list[RawEntry]:
    """The entries of a list `[(id, {field: value})]`; fields that are gone come as None."""
    return [
        RawEntry(_text(entry_id), fields or {})
        for entry_id, fields in (reply if isinstance(reply, list) else ())
    ]


def _text(value: object) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(value)

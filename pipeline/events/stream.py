"""Reading a Redis stream entry by entry: everything from a place on, or one's share of a group's entries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import redis

from pipeline.errors import BadInputError

WAIT_S = 0.5
"""how long one read waits for news, and so how soon a wish to stop is heard"""
BATCH = 100
CLAIM_AFTER_S = 60.0
"""an entry that a member of a group has had for this long without finishing it is given to another"""

_LAST = 2**64 - 1
"""the highest number of an entry within its millisecond"""
_BEGINNING = "0-0"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNIT_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as it lies in the stream, perhaps written by another program."""

    id: str
    fields: Mapping[bytes, bytes]


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
        return _text(newest[0][0]) if newest else _BEGINNING


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
    return f"{milliseconds - 1}-{_LAST}" if milliseconds > 0 else _BEGINNING


class LastIdReader:
    """Reads everything behind an id, and remembers the last one: each reader of this kind sees every entry."""

    def __init__(self, stream: str, since: Since) -> None:
        self.stream = stream
        self._since = since
        self._last: str | None = None

    def open(self, client: redis.Redis) -> None:
        if self._last is None:
            self._last = self._since.resolve(client, self.stream)

    def read(self, client: redis.Redis) -> list[RawEntry]:
        assert self._last is not None, "open comes first"
        return _entries(client.xread({self.stream: self._last}, count=BATCH, block=_milliseconds(WAIT_S)))

    def done(self, client: redis.Redis, entry: RawEntry) -> None:
        self._last = entry.id


class GroupReader:
    """Reads one's share of a consumer group's entries: each is given to one member, until one says it is done.

    An entry whose member died before that is given to another: at least once, not exactly once.
    """

    def __init__(self, stream: str, group: str, member: str, since: Since) -> None:
        """`since` counts only where the group is new; `member` has to be its own for each running reader."""
        self.stream = stream
        self._group = group
        self._member = member
        self._since = since
        self._own = True
        """first what was given to this member before, and never finished"""
        self._claimed_at_s = float("-inf")

    def open(self, client: redis.Redis) -> None:
        start = self._since.resolve(client, self.stream)
        try:
            client.xgroup_create(self.stream, self._group, start, mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        self._own = True

    def read(self, client: redis.Redis) -> list[RawEntry]:
        self._claim(client)
        entries = _entries(
            client.xreadgroup(
                self._group,
                self._member,
                {self.stream: "0" if self._own else ">"},
                count=BATCH,
                block=_milliseconds(WAIT_S),
            )
        )
        self._own = self._own and bool(entries)
        return entries

    def done(self, client: redis.Redis, entry: RawEntry) -> None:
        client.xack(self.stream, self._group, entry.id)

    def _claim(self, client: redis.Redis) -> None:
        """Now and then take over what members that are gone left unfinished."""
        seconds, _ = client.time()
        if seconds - self._claimed_at_s < CLAIM_AFTER_S / 2:
            return
        self._claimed_at_s = seconds
        client.xautoclaim(
            self.stream, self._group, self._member, _milliseconds(CLAIM_AFTER_S), "0-0", count=BATCH
        )
        self._own = True


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)


def _text(value: object) -> str:
    return value.decode("ascii") if isinstance(value, bytes) else str(value)


def _entries(reply: object) -> list[RawEntry]:
    """The entries of a reply about one stream: `[[stream, [(id, {field: value})]]]`, empty or None for none.

    The fields of an entry that was deleted while it waited in a group come as None.
    """
    found = []
    for _, entries in reply if isinstance(reply, list) else ():
        for entry_id, fields in entries:
            found.append(RawEntry(_text(entry_id), fields or {}))
    return found

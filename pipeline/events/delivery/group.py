"""Reading one's share of a consumer group's entries, and those of members that died."""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import cast

import redis
from redis.typing import StreamIdT

from pipeline.events.delivery.gap import Gap, Numbers, number_of
from pipeline.events.delivery.stream import (
    BEGINNING,
    RawEntry,
    Since,
    entries_in,
    entries_of,
    milliseconds,
    wait_for,
)

CLAIM_AFTER_S = 60.0
"""an entry that a member of a group has had for so long without finishing it is given to another"""
FORGET_AFTER_S = 3600.0
"""a member that has not asked for so long, and has nothing unfinished, is forgotten"""
BATCH = 10
"""entries taken at once: what a member has taken nobody else works on"""
CLAIM_EVERY_S = 5.0

FORGET_MEMBERS = """
for _, member in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local is = {}
  for at = 1, #member, 2 do is[member[at]] = member[at + 1] end
  if is.pending == 0 and is.idle > tonumber(ARGV[2]) and is.name ~= ARGV[3] then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], is.name)
  end
end
"""
"""in one step: a member is forgotten with all that it has not finished, so it must not begin anything in between"""


_LOST = re.compile(r"\bNOGROUP\b|no such key")


def own_name() -> str:
    """A name that no other member of any group has: host, process and chance."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def groups_key(stream: str) -> str:
    """Where each group's last number is noted, beside the stream and in its slot.

    >>> groups_key("facestream:events")
    '{facestream:events}:groups'
    """
    return f"{stream}:groups" if "{" in stream else f"{{{stream}}}:groups"


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a group has come."""

    id: str
    n: int | None
    """number of that entry"""


class GroupReader:
    """Reads one's share of a consumer group's entries: each is given to one member, until one says it is done.

    An entry whose member died before that is given to another after a while: at least once, not exactly once. A
    member that works on what it took for longer than that has to be taken for dead.
    """

    def __init__(
        self, stream: str, group: str, member: str, since: Since, claim_after_s: float = CLAIM_AFTER_S
    ) -> None:
        """`since` counts only where the group is new; `member` has to be its own for each running reader."""
        self.stream = stream
        self._group = group
        self._member = member
        self._since = since
        self._claim_after_s = claim_after_s
        self._own = True
        """first what was given to this member before, and never finished"""
        self._held: deque[RawEntry] = deque()
        """taken, and not given out yet"""
        self._held_since_s = 0.0
        self._claimed_at_s = float("-inf")
        self._place: _Place | None = None
        """of the group, when this member last took something"""

    def open(self, client: redis.Redis) -> None:
        # the server may have lost the group while we were away: then it goes on where this member was
        start = self._since.resolve(client, self.stream) if self._place is None else self._place.id
        try:
            client.xgroup_create(self.stream, self._group, start, mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        self._held.clear()
        self._own = True

    def read(self, client: redis.Redis) -> list[RawEntry]:
        """One entry, or none: those behind it that are taken too can still be left to others."""
        self._keep(client)
        if not self._held:
            try:
                self._take(client)
            except redis.ResponseError as error:
                if not _LOST.search(str(error)):
                    raise
                self.open(client)  # somebody emptied the server
        return [self._held.popleft()] if self._held else []

    def done(self, client: redis.Redis, entry: RawEntry) -> None:
        client.xack(self.stream, self._group, entry.id)

    def close(self, client: redis.Redis) -> None:
        """What was taken and not given out is old enough at once for others to take it over."""
        if self._held:
            ids: list[StreamIdT] = [each.id for each in self._held]
            idle_ms = milliseconds(self._claim_after_s)
            client.xclaim(self.stream, self._group, self._member, 0, ids, idle=idle_ms, justid=True)
            self._held.clear()

    def _take(self, client: redis.Redis) -> None:
        self._claim(client)
        if self._own:
            pending = client.xreadgroup(self._group, self._member, {self.stream: "0"}, count=BATCH)
            entries = entries_in(pending)
            self._hold([each if each.fields else self._gone(each) for each in entries])
            self._own = bool(entries)
            self._claim_held(client)
        if self._held:
            return
        entries = self._new(client)
        self._hold(entries)
        if not entries and self._place is not None:
            wait_for(client, self.stream, self._place.id, 1)

    def _hold(self, entries: list[RawEntry]) -> None:
        self._held.extend(entries)
        self._held_since_s = time.monotonic()

    def _keep(self, client: redis.Redis) -> None:
        """Say that we still work on what we hold; or look again what is still ours, if that was due long ago."""
        held_s = time.monotonic() - self._held_since_s
        if self._held and held_s > self._claim_after_s / 2:
            self._held.clear()
            self._own = True
        elif self._held and held_s > self._claim_after_s / 4:
            self._claim_held(client)

    def _claim_held(self, client: redis.Redis) -> None:
        """Nobody else may take what we hold for a while."""
        ids: list[StreamIdT] = [each.id for each in self._held if each.fields]
        if ids:
            client.xclaim(self.stream, self._group, self._member, 0, ids, justid=True)
            self._held_since_s = time.monotonic()

    def _new(self, client: redis.Redis) -> list[RawEntry]:
        """The next entries that no member was given, with what is missing before and between them."""
        with client.pipeline(transaction=True) as both:
            both.xinfo_groups(self.stream)
            both.xreadgroup(self._group, self._member, {self.stream: ">"}, count=BATCH)
            groups, reply = both.execute()
        before = next(each for each in groups if each["name"] == self._group.encode())
        before_id = cast("bytes", before["last-delivered-id"]).decode("ascii")
        entries = entries_in(reply)
        if not entries:
            if self._place is None or self._place.id != before_id:
                self._place = _Place(before_id, None)
            return []
        checked = self._checked(client, before_id, entries)
        self._place = _Place(entries[-1].id, number_of(entries[-1].fields))
        if self._place.n is not None:
            with suppress(redis.exceptions.NoPermissionError):  # then a gap may be told without its size
                noted = f"{self._place.id} {self._place.n}"
                client.hset(groups_key(self.stream), self._group, noted)
        return checked

    def _checked(self, client: redis.Redis, before_id: str, entries: list[RawEntry]) -> list[RawEntry]:
        numbers = Numbers()
        numbers.last = self._number_at(client, before_id)
        unknown = numbers.last is None and before_id != BEGINNING
        checked = []
        for each in entries:
            missed: int | None = numbers.missed(each.fields)
            if unknown and (numbers.last or 1) > 1:
                missed = None
            unknown = False
            checked.append(each if missed == 0 else replace(each, gap=Gap(self.stream, each.id, missed)))
        return checked

    def _number_at(self, client: redis.Redis, before_id: str) -> int | None:
        """Number of the entry that some member was given last; None where nobody knows."""
        if self._place is not None and self._place.id == before_id and self._place.n is not None:
            return self._place.n
        before = entries_of(client.xrevrange(self.stream, max=before_id, count=1))
        if before:
            return number_of(before[0].fields)
        with suppress(redis.exceptions.NoPermissionError):
            noted = cast("bytes | None", client.hget(groups_key(self.stream), self._group))
            if noted is not None and noted.decode().startswith(f"{before_id} "):
                return int(noted.split()[1])
        return None

    def _gone(self, entry: RawEntry) -> RawEntry:
        return replace(entry, gap=Gap(self.stream, entry.id, 1))

    def _claim(self, client: redis.Redis) -> None:
        """Now and then take over what members that are gone left unfinished."""
        now_s = time.monotonic()
        if now_s - self._claimed_at_s < min(CLAIM_EVERY_S, self._claim_after_s):
            return
        self._claimed_at_s = now_s
        idle_ms = milliseconds(self._claim_after_s)
        reply = client.xautoclaim(self.stream, self._group, self._member, idle_ms, BEGINNING, count=BATCH)
        if reply[1]:
            self._own = True
            self._claimed_at_s = float("-inf")  # there may be more
        for gone in reply[2] if len(reply) > 2 else ():  # Redis 7 lets go of them by itself
            self._held.append(self._gone(RawEntry(gone.decode("ascii"), {})))
        with suppress(redis.ResponseError):  # a user who may not: then they stay listed
            forget_ms = milliseconds(FORGET_AFTER_S)
            client.eval(FORGET_MEMBERS, 1, self.stream, self._group, forget_ms, self._member)

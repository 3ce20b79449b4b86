"""Events on disk, in order, until Redis has them and a while longer.

    <data>/spool/  lock                         held by the one program that writes
                   00001760000000000000.spool   segments, each named after the number that it begins with
                   published                    up to which number Redis had them, a hint for the next start

Records are numbered ascending; a number is never given twice. They go on from the last one, or from the microseconds
since 1970 where that is more: so a spool that lost its end, or was restored from a backup, does not number new events
like old ones, which Redis would take for told.

Events wait in memory until they are on disk: whoever gives them does not wait for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.clock import Clock
from pipeline.events.delivery.adding import Numbered
from pipeline.events.delivery.refusals import reason
from pipeline.events.delivery.stream_entry import StreamEntry
from pipeline.events.spool.spool_files import SpoolFiles
from pipeline.events.spool.spool_memory import SpoolMemory, Unwritten
from pipeline.events.spool.spool_opening import Opened, open_spool
from pipeline.events.spool.spool_record import SpoolRecord
from pipeline.events.spool.spool_segment import Read, SegmentHead
from pipeline.events.spool.spool_state import SpoolDrops

IN_MEMORY = 10_000
"""events that wait for a disk that takes none: about 30 MB"""
STALLED_S = 2.0
"""a disk that has not answered for so long is not waited for: events go to Redis from memory"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpoolRules:
    """How much is kept, and for how long."""

    keep_s: float
    """after Redis confirmed it"""
    max_bytes: int
    """on disk"""
    in_memory: int = IN_MEMORY
    """events that wait for the disk at most"""


@dataclass(frozen=True, slots=True)
class SpoolContent:
    """What lies in a spool."""

    waiting: int
    """events that Redis has not confirmed"""
    oldest_waiting_s: float | None
    bytes: int
    unflushed: int
    """events that are not on disk"""
    flush_lag_s: float
    dropped: SpoolDrops
    problem: str | None
    """why nothing is written, in one line"""


class Spool:
    """Numbered events on disk. Any thread may append, read and confirm; one calls `write` and `prune`."""

    def __init__(self, folder: Path, rules: SpoolRules, clock: Clock) -> None:
        self.folder = folder
        self.changed = threading.Condition()
        """notified when there is something to write, or something more to read"""
        self._clock = clock
        self._files = SpoolFiles(folder, rules.max_bytes, rules.keep_s, clock)
        self._memory = SpoolMemory(rules.in_memory)
        self._opened: Opened | None = None
        self._next = SegmentHead("", 0, 0)
        self._noted = 0
        self._drops = SpoolDrops()
        self._flush_lag_s = 0.0
        self._problem: str | None = None

    @property
    def producer(self) -> str:
        """Who numbers these events: random, kept with the spool."""
        return self._next.producer

    def open(self) -> None:
        """Take the folder, and look through it. Raises OutsideError: another has it, or it is of no use."""
        opened = open_spool(self.folder, self._clock)
        self._files.take_over(opened.segments, opened.published)
        with self.changed:
            self._opened = opened
            self._next = opened.head
            self._noted = opened.published
        self._count(damaged=opened.damaged)
        try:
            self._files.begin(opened.head)
        except OSError as error:  # a full disk is no reason not to watch the cameras
            self._not_written(error)

    def append(self, entries: Sequence[StreamEntry]) -> None:
        """Number these events and keep them; never waits. Raises RuntimeError when the spool is not open."""
        at_s = self._clock.monotonic_s()
        at_ms = int(1000 * self._clock.now().timestamp())
        with self.changed:
            if self._opened is None:
                raise RuntimeError("the spool is not open")
            new = []
            for entry in entries:
                number, ordinal = self._next.number, self._next.ordinal
                new.append(Unwritten(SpoolRecord(Numbered(number, ordinal, entry), at_ms), at_s))
                self._next = replace(self._next, number=number + 1, ordinal=ordinal + 1)
            self._lose(self._memory.put(new))
            self.changed.notify_all()

    def write(self) -> bool:
        """Bring to disk what waits in memory; whether nothing waits there for a better moment."""
        with self.changed:
            taken = self._memory.take()
        if not taken and self._problem is None:
            return True
        try:
            if not taken:  # what waited went to Redis from memory; is there room again?
                self._files.begin(self._head())
            dropped = self._files.write([each.record for each in taken], self._head())
        except OSError as error:
            self._not_written(error)
            return False
        except Exception:  # a fault of ours, which ends the thread for a while: nothing is lost with it
            with self.changed:
                self._lose(self._memory.put_back())
            raise
        with self.changed:
            self._memory.written()
            if taken:
                self._flush_lag_s = self._clock.monotonic_s() - taken[0].since_s
            self._drops = replace(self._drops, full=self._drops.full + dropped)
            if self._problem is not None:
                self._problem = None
                log.warning("the spool %s is written again", self.folder)
            self.changed.notify_all()
        return True

    def read(self, after: int, count: int, size: int) -> Sequence[SpoolRecord]:
        """Records above a number, in order: at most `count`, of about `size` bytes, one at least; or none.

        Those that are on disk, then those in memory where the disk takes none. Damaged ones are counted and forgotten.
        """
        while (part := self._files.slice(after, count, size)) is not None:
            try:
                found = part.read()
            except FileNotFoundError:  # dropped meanwhile, and counted there; or somebody else's work
                found = Read((), part.numbers)
            except OSError as error:
                log.warning("%s cannot be read: %s", part.path, reason(error))
                found = Read((), part.numbers)
            damaged = self._files.forget(found.damaged) if found.damaged else 0
            if damaged:
                log.warning("%s: %d events are damaged and skipped", part.path, damaged)
                self._count(damaged=damaged)
            if found.records:
                return found.records
        with self.changed:
            return self._memory.read(after, count) if self._away() is not None else ()

    def wait_for_unwritten(self, ending: threading.Event, timeout_s: float) -> None:
        """Until there is something to write, or the event is set and `wake` called."""
        with self.changed:
            self.changed.wait_for(lambda: len(self._memory) or ending.is_set(), timeout_s)

    def wait_for_more(self, after: int, ending: threading.Event, timeout_s: float) -> bool:
        """Until there is something to read above a number, or the event is set; whether it came to that."""
        with self.changed:
            return self.changed.wait_for(lambda: self._has_more(after) or ending.is_set(), timeout_s)

    def wake(self) -> None:
        """Let those who wait look again."""
        with self.changed:
            self.changed.notify_all()

    def confirm(self, number: int) -> int:
        """Redis has all up to this number, and none above; how many events more than before, or, negative, fewer."""
        with self.changed:
            before = self._waiting()
            self._files.confirm(number)
            more = before - self._waiting()
            if self._away() is not None:
                self._memory.forget(number)
            return more

    def give_up(self, numbers: Sequence[int]) -> None:
        """Redis will never take these; they are counted."""
        self._files.forget(numbers)
        self._count(refused=len(numbers))

    def prune(self) -> None:
        """Delete what Redis has had for long enough, and note how far it has come; called now and then."""
        confirmed = self._files.confirmed
        can_write = self._problem is None
        try:
            self._files.prune(self._head() if can_write else None)
            if can_write and self._opened is not None and confirmed != self._noted:
                self._opened.note_published(confirmed)
                self._noted = confirmed
        except OSError as error:
            self._not_written(error)

    def content(self) -> SpoolContent:
        """What lies in the spool now."""
        files = self._files.content()
        confirmed = self._files.confirmed
        with self.changed:
            first_ms = files.first_waiting_ms
            if first_ms is None and self._memory.waiting(confirmed):
                first_ms = self._memory.first().record.at_ms
            age_s = None if first_ms is None else self._clock.now().timestamp() - first_ms / 1000
            return SpoolContent(
                waiting=self._waiting(),
                oldest_waiting_s=None if age_s is None else max(age_s, 0.0),
                bytes=files.bytes,
                unflushed=len(self._memory),
                flush_lag_s=max(self._flush_lag_s, self._unflushed_s()),
                dropped=self._drops,
                problem=self._away(),
            )

    def close(self) -> int:
        """Let go of the folder; what is in memory is lost: how many. Never raises, may be called twice."""
        self._files.end()
        with self.changed:
            opened, self._opened = self._opened, None
            lost = self._memory.clear()
            self._drops = replace(self._drops, unwritable=self._drops.unwritable + lost)
        if opened is not None:
            opened.close()
        return lost

    def _head(self) -> SegmentHead:
        """Of a segment that begins with what is written next."""
        with self.changed:
            if not len(self._memory):
                return self._next
            first = self._memory.first().record.numbered
            return SegmentHead(self.producer, first.number, first.ordinal)

    def _has_more(self, after: int) -> bool:
        if self._files.slice(after, 1, 1) is not None:
            return True
        return self._away() is not None and self._memory.waiting(after) > 0

    def _waiting(self) -> int:
        return self._files.content().waiting + self._memory.waiting(self._files.confirmed)

    def _count(self, damaged: int = 0, refused: int = 0) -> None:
        with self.changed:
            drops = self._drops
            self._drops = replace(drops, damaged=drops.damaged + damaged, refused=drops.refused + refused)

    def _not_written(self, error: OSError) -> None:
        with self.changed:
            self._lose(self._memory.put_back())
            if self._problem is None:
                log.warning("the spool %s cannot be written: %s; make room", self.folder, reason(error))
            self._problem = f"the spool {self.folder} cannot be written: {reason(error)}; make room"
            self.changed.notify_all()

    def _lose(self, count: int) -> None:
        if count:
            if not self._drops.unwritable:
                log.warning("too many events wait for the disk of %s: the oldest are dropped", self.folder)
            self._drops = replace(self._drops, unwritable=self._drops.unwritable + count)

    def _away(self) -> str | None:
        """Why the disk takes nothing at present; None where it does."""
        if self._problem is None and self._unflushed_s() > STALLED_S:
            return f"the spool {self.folder} cannot be written: the disk does not answer; see to it"
        return self._problem

    def _unflushed_s(self) -> float:
        return self._clock.monotonic_s() - self._memory.first().since_s if len(self._memory) else 0.0

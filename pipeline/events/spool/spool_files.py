"""The segments of a spool: begun, written, read, and deleted whole, the oldest first."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.clock import Clock
from pipeline.events.spool.spool_record import SpoolRecord
from pipeline.events.spool.spool_segment import Segment, SegmentHead, SegmentWriter, Slice

SEGMENT_BYTES = 4 * 2**20
"""about four thousand events: what is dropped at once"""
SEGMENTS = 8
"""of a small spool at least, so that what is dropped is a part of it"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FilesContent:
    """What lies in the segments."""

    waiting: int
    """records that Redis has not confirmed"""
    first_waiting_ms: int | None
    """when the first of them was made, since 1970"""
    bytes: int


class SpoolFiles:
    """The segments. Any thread may read and confirm; one writes."""

    def __init__(self, folder: Path, max_bytes: int, keep_s: float, clock: Clock) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = min(SEGMENT_BYTES, max_bytes // SEGMENTS)
        self._keep_s = keep_s
        self._clock = clock
        self._lock = threading.Lock()
        self._segments: list[Segment] = []
        self._writer: SegmentWriter | None = None
        self._begun_s = 0.0
        self.confirmed = 0
        """number up to which Redis has all"""

    def take_over(self, segments: Sequence[Segment], confirmed: int) -> None:
        """Begin with what earlier runs left."""
        with self._lock:
            self._segments = list(segments)
        self.confirm(confirmed)

    def begin(self, head: SegmentHead) -> SegmentWriter:
        """Close the newest segment and begin another; earlier ones without a record go. Raises OSError."""
        self.end()
        writer = SegmentWriter(self._folder, head)
        with self._lock:
            empty = [each for each in self._segments if not each.numbers]
            self._segments = [each for each in self._segments if each.numbers]
            self._segments.append(writer.segment)
            self._writer = writer
            self._begun_s = self._clock.monotonic_s()
        for each in empty:
            if each.path != writer.segment.path:
                each.path.unlink(missing_ok=True)
        return writer

    def write(self, records: Sequence[SpoolRecord], head: SegmentHead) -> int:
        """Bring these records to disk, in a new segment with this head where the newest is full; how many old ones
        that Redis never confirmed were dropped for them. Raises OSError: then none of them counts as written.
        """
        packed = [each.pack() for each in records]
        data = b"".join(packed)
        writer = self._writer
        if writer is None or self._is_full(writer.segment, len(data)):
            writer = self.begin(head)
        dropped = self._drop_oldest(len(data))
        start = writer.segment.size
        try:
            writer.write(data)
        except OSError:
            self.end()
            raise
        with self._lock:
            for each, part in zip(records, packed, strict=True):
                writer.segment.note(each.number, each.at_ms, start, start + len(part))
                start += len(part)
        self.confirm(self.confirmed)
        return dropped

    def slice(self, after: int, count: int, size: int) -> Slice | None:
        """Where the next records above a number lie; None where there are none."""
        with self._lock:
            segment = next((each for each in self._segments if each.last > after), None)
            return None if segment is None else segment.slice(after, count, size)

    def forget(self, numbers: Collection[int]) -> int:
        """Leave out these records from now on; how many there were."""
        with self._lock:
            return sum(each.forget(numbers) for each in self._segments)

    def confirm(self, number: int) -> None:
        """Redis has all up to this number, and none above."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            self.confirmed = number
            for each in self._segments:
                if each.last > number:
                    each.done_at_s = None
                elif each.done_at_s is None:
                    each.done_at_s = now_s

    def prune(self, head: SegmentHead | None) -> None:
        """Delete segments that Redis has had for long enough; a newest one that is old is closed for that.

        One stays, which knows the numbers. `head` is of the one that is then begun, None where none can be. Raises
        OSError.
        """
        now_s = self._clock.monotonic_s()
        with self._lock:
            newest = self._segments[-1] if self._segments else None
            aged = newest is not None and newest.numbers and newest.done_at_s is not None
            close = aged and now_s - self._begun_s >= self._keep_s / 2
        if close and head is not None:
            self.begin(head)
        with self._lock:
            told = [
                each
                for each in self._segments[:-1]
                if each.done_at_s is not None and now_s - each.done_at_s >= self._keep_s
            ]
            self._segments = [each for each in self._segments if each not in told]
        for each in told:
            each.path.unlink(missing_ok=True)

    def content(self) -> FilesContent:
        """What lies in the segments now."""
        with self._lock:
            firsts = [each.first_waiting_ms(self.confirmed) for each in self._segments]
            return FilesContent(
                sum(each.waiting(self.confirmed) for each in self._segments),
                next((each for each in firsts if each is not None), None),
                sum(each.size for each in self._segments),
            )

    def end(self) -> None:
        """Close the newest segment; what it holds stays. Never raises."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _is_full(self, segment: Segment, more: int) -> bool:
        return bool(segment.numbers) and segment.size + more > self._segment_bytes

    def _drop_oldest(self, more: int) -> int:
        """Make room for `more` bytes within the limit; how many unconfirmed records went."""
        dropped = 0
        while True:
            with self._lock:
                if sum(each.size for each in self._segments) + more <= self._max_bytes:
                    break
                if len(self._segments) < 2:
                    break
                oldest = self._segments.pop(0)
                lost = oldest.waiting(self.confirmed)
            with suppress(OSError):  # it is told of all the same: nobody reads it any more
                oldest.path.unlink(missing_ok=True)
            dropped += lost
            if lost:
                log.warning("the spool is full (spool.max_mb): its oldest %d events are dropped", lost)
        return dropped

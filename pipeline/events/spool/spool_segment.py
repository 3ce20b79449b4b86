"""One file of a spool: a head, then records to its end; written by one run, read by it and those that follow."""

from __future__ import annotations

import os
import re
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.events.spool.spool_record import RecordHead, SpoolRecord, head_at, next_mark, unpack

_HEAD = struct.Struct("<8s32sQQI")
_MAGIC = b"FSSPOOL1"
_NAME = re.compile(r"(\d{20})\.spool")


@dataclass(frozen=True, slots=True)
class SegmentHead:
    """Who writes, and with what it goes on: a spool whose records are all gone still knows its numbers."""

    producer: str
    """32 hexadecimal digits, random, for as long as there is the spool"""
    number: int
    """of the next record, at least"""
    ordinal: int
    """of the next record"""

    def pack(self) -> bytes:
        """The bytes at the beginning of the file."""
        body = _HEAD.pack(_MAGIC, self.producer.encode("ascii"), self.number, self.ordinal, 0)[:-4]
        return body + struct.pack("<I", zlib.crc32(body))

    @classmethod
    def unpack(cls, data: bytes) -> SegmentHead | None:
        """The head of a file; None where it is damaged."""
        if len(data) < _HEAD.size:
            return None
        magic, producer, number, ordinal, checksum = _HEAD.unpack_from(data)
        if magic != _MAGIC or zlib.crc32(data[: _HEAD.size - 4]) != checksum:
            return None
        return cls(producer.decode("ascii", "replace"), number, ordinal)


@dataclass(slots=True)
class Segment:
    """A file, and where its records are: 24 bytes of memory a record."""

    path: Path
    size: int = 0
    """bytes on disk"""
    numbers: array[int] = field(default_factory=lambda: array("Q"))
    """of the records, ascending"""
    times_ms: array[int] = field(default_factory=lambda: array("Q"))
    """when they were made"""
    starts: array[int] = field(default_factory=lambda: array("Q"))
    """offsets of the records"""
    end: int = _HEAD.size
    """offset behind the last record"""
    done_at_s: float | None = None
    """when Redis had confirmed the last record, by the monotonic clock; None: it has not"""

    @property
    def last(self) -> int:
        """number of the last record; 0 without one"""
        return self.numbers[-1] if self.numbers else 0

    def waiting(self, confirmed: int) -> int:
        """Records above this number."""
        return len(self.numbers) - bisect_right(self.numbers, confirmed)

    def first_waiting_ms(self, confirmed: int) -> int | None:
        """When the first record above this number was made; None where there is none."""
        at = bisect_right(self.numbers, confirmed)
        return self.times_ms[at] if at < len(self.times_ms) else None

    def note(self, number: int, at_ms: int, start: int, end: int) -> None:
        """Remember a record that lies on disk from `start` to `end`."""
        self.numbers.append(number)
        self.times_ms.append(at_ms)
        self.starts.append(start)
        self.end = end

    def forget(self, numbers: Collection[int]) -> int:
        """Leave out the records with these numbers from now on; how many there were."""
        places = [at for at, number in enumerate(self.numbers) if number in numbers]
        for at in reversed(places):
            del self.numbers[at], self.times_ms[at], self.starts[at]
        return len(places)

    def slice(self, after: int, count: int, size: int) -> Slice:
        """Where the records above the number `after` lie: at most `count`, of about `size` bytes; one at least."""
        first = bisect_right(self.numbers, after)
        stop = min(first + count, len(self.numbers))
        stop = max(first + 1, min(stop, bisect_right(self.starts, self.starts[first] + size)))
        end = self.starts[stop] if stop < len(self.starts) else self.end
        return Slice(self.path, tuple(self.numbers[first:stop]), tuple(self.starts[first:stop]), end)


@dataclass(frozen=True, slots=True)
class Slice:
    """Records of a segment that are to be read; one at least."""

    path: Path
    numbers: tuple[int, ...]
    starts: tuple[int, ...]
    """offsets"""
    end: int
    """offset behind the last one"""

    def read(self) -> Read:
        """The records. Raises OSError."""
        with self.path.open("rb") as file:
            file.seek(self.starts[0])
            data = file.read(self.end - self.starts[0])
        records, damaged = [], []
        for number, start in zip(self.numbers, self.starts, strict=True):
            found = unpack(data, start - self.starts[0])
            if found is not None and found.number == number:
                records.append(found)
            else:
                damaged.append(number)
        return Read(records, damaged)


@dataclass(frozen=True, slots=True)
class Read:
    """What a read found."""

    records: Sequence[SpoolRecord]
    damaged: Sequence[int]
    """numbers of records that were whole once, and are no longer"""


@dataclass(frozen=True, slots=True)
class FoundSegment:
    """A file of an earlier run."""

    segment: Segment
    head: SegmentHead | None
    """None where it is damaged"""
    last_ordinal: int
    """of the last record; 0 without one"""
    damaged: int
    """records in the middle that could not be read, and that nobody has been told of"""
    torn: int
    """bytes at the end that are no whole record, as a run leaves them that was killed while it wrote"""


def segment_name(number: int) -> str:
    """What the segment is called whose first record has this number."""
    return f"{number:020d}.spool"


def segments_in(folder: Path) -> list[Path]:
    """The segments of a folder, oldest first. Raises OSError."""
    return sorted(each for each in folder.iterdir() if _NAME.fullmatch(each.name))


def find_segment(path: Path, above: int, published: int) -> FoundSegment:
    """Look through a segment of an earlier run, for records above a number. Raises OSError."""
    data = path.read_bytes()
    segment = Segment(path, size=len(data))
    whole_end = min(_HEAD.size, len(data))
    last_ordinal = damaged = 0
    for start, found in _records(data):
        if start != whole_end and found.number > published:
            lost = found.ordinal - last_ordinal - 1 if last_ordinal else 1
            damaged += max(lost, 1)
        whole_end = found.end
        last_ordinal = found.ordinal
        if found.number > max(above, segment.last):
            segment.note(found.number, found.at_ms, start, found.end)
    return FoundSegment(segment, SegmentHead.unpack(data), last_ordinal, damaged, len(data) - whole_end)


def cut_off(found: FoundSegment) -> None:
    """Cut off what is behind the last whole record. Raises OSError."""
    found.segment.size -= found.torn
    os.truncate(found.segment.path, found.segment.size)


def _records(data: bytes) -> Iterator[tuple[int, RecordHead]]:
    """Where each whole record begins, and its head."""
    at = min(_HEAD.size, len(data))
    while at < len(data):
        found = head_at(data, at)
        if found is None:
            at = next_mark(data, at + 1)
        else:
            yield at, found
            at = found.end


class SegmentWriter:
    """Appends records to a new segment. Not for several threads."""

    def __init__(self, folder: Path, head: SegmentHead) -> None:
        """Make the file, and see to it that it is found after a power loss. Raises OSError, and leaves nothing.

        What may lie there under this name is what an earlier try left.
        """
        self.segment = Segment(folder / segment_name(head.number))
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self.segment.path, flags, 0o600)
        try:
            _write(self._file, head.pack())
            os.fdatasync(self._file)
            _sync_folder(folder)
        except OSError:
            self.close()
            with suppress(OSError):
                self.segment.path.unlink()
            raise
        self.segment.size = _HEAD.size

    def write(self, packed: bytes) -> None:
        """Append these bytes and wait until they are on disk.

        Raises OSError: what was written of them is cut off, as far as that can be done, and this writer is of no
        further use. After a sync that failed the kernel takes lost pages for written ones, so that trying again
        here would prove nothing.
        """
        try:
            _write(self._file, packed)
            os.fdatasync(self._file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self.segment.size)
            raise
        self.segment.size += len(packed)

    def close(self) -> None:
        """Let go of the file. Never raises."""
        with suppress(OSError):
            os.close(self._file)


def _write(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

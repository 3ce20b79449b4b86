"""One event as bytes in a spool: numbered, with its length and a checksum, found again behind damaged bytes.

    mark | length of the body | number | ordinal | time | CRC-32 of all that follows the mark | body

The body is an entry's fields, each with its length. All numbers little-endian.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from pipeline.events.delivery.adding import Numbered
from pipeline.events.delivery.stream_entry import StreamEntry

MARK = b"\xd7FSR"
"""no text in UTF-8 holds it: 0xd7 begins a pair, and F cannot follow"""
_HEAD = struct.Struct("<4sIQQQI")
_SIGNED = struct.Struct("<IQQQ")
HEAD_SIZE = _HEAD.size
_FIELDS = 5
"""of an entry, before its channels"""


@dataclass(frozen=True, slots=True)
class SpoolRecord:
    """An event of the spool."""

    numbered: Numbered
    at_ms: int
    """since 1970, when it was made"""

    @property
    def number(self) -> int:
        """above those of all before it"""
        return self.numbered.number

    def pack(self) -> bytes:
        """The bytes that `unpack` takes."""
        entry = self.numbered.entry
        fields = (
            entry.event,
            entry.type,
            entry.camera,
            entry.identity,
            entry.watchlists,
            *entry.channels,
        )
        lengths = struct.pack(f"<H{len(fields)}I", len(fields), *map(len, fields))
        body = lengths + b"".join(fields)
        signed = (len(body), self.numbered.number, self.numbered.ordinal, self.at_ms)
        checksum = zlib.crc32(body, zlib.crc32(_SIGNED.pack(*signed)))
        return _HEAD.pack(MARK, *signed, checksum) + body


@dataclass(frozen=True, slots=True)
class RecordHead:
    """What a record is without its body."""

    number: int
    ordinal: int
    at_ms: int
    end: int
    """where the next one may begin"""


def head_at(data: bytes, start: int) -> RecordHead | None:
    """The head of the record that begins at `start`; None where there is none, or not a whole and undamaged one."""
    body_start = start + HEAD_SIZE
    if body_start > len(data):
        return None
    mark, length, number, ordinal, at_ms, checksum = _HEAD.unpack_from(data, start)
    end = body_start + length
    if mark != MARK or end > len(data):
        return None
    signed = zlib.crc32(_SIGNED.pack(length, number, ordinal, at_ms))
    if zlib.crc32(memoryview(data)[body_start:end], signed) != checksum:
        return None
    return RecordHead(number, ordinal, at_ms, end)


def unpack(data: bytes, start: int) -> SpoolRecord | None:
    """The record that begins at `start`; None where there is none, or not a whole and undamaged one."""
    head = head_at(data, start)
    if head is None:
        return None
    return SpoolRecord(
        Numbered(head.number, head.ordinal, _entry(data[start + HEAD_SIZE : head.end])), head.at_ms
    )


def next_mark(data: bytes, start: int) -> int:
    """Where a record may begin from `start` on; the length of `data` for nowhere."""
    found = data.find(MARK, start)
    return len(data) if found < 0 else found


def _entry(body: bytes) -> StreamEntry:
    (count,) = struct.unpack_from("<H", body)
    at = 2 + 4 * count
    fields = []
    for length in struct.unpack_from(f"<{count}I", body, 2):
        fields.append(body[at : at + length])
        at += length
    event, kind, camera, identity, watchlists = fields[:_FIELDS]
    return StreamEntry(event, kind, camera, identity, watchlists, tuple(fields[_FIELDS:]))

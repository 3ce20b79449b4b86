"""Whether a file ends before its own structure does, for the containers whose cut end FFmpeg passes over in silence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

GIF_EXTENSION, GIF_PICTURE = 0x21, 0x2C
SEGMENT = 0x18538067
"""Matroska's element that holds everything but the header (RFC 9559, section 5.1)"""
ELEMENTS = 8
"""to look through for the segment, which is the second one in practice"""


def ends_early(path: Path, family: str) -> bool:
    """Whether a file of this family of containers (`gif`, `matroska`) was cut off; False for any other.

    Raises OSError.
    """
    with path.open("rb") as file:
        if family == "gif":
            return _gif_ends_early(file)
        return family == "matroska" and _matroska_ends_early(file)


def _gif_ends_early(file: BinaryIO) -> bool:
    """Whether a GIF (GIF89a, sections 15 to 27) ends inside a block.

    Between two blocks it may end, since careless writers leave out the trailer, and anything may follow one.
    """
    header = file.read(13)
    if len(header) < 13:
        return True
    file.seek(_colours(header[10]), os.SEEK_CUR)
    while kind := file.read(1):
        if kind[0] == GIF_EXTENSION:
            file.seek(1, os.SEEK_CUR)
        elif kind[0] == GIF_PICTURE:
            described = file.read(9)
            if len(described) < 9:
                return True
            # the table of colours, then the size of a code
            file.seek(_colours(described[8]) + 1, os.SEEK_CUR)
        else:
            return False
        while (length := file.read(1)) != b"\0":
            if not length:
                return True
            file.seek(length[0], os.SEEK_CUR)
    return False


def _colours(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _matroska_ends_early(file: BinaryIO) -> bool:
    """Whether a Matroska file is shorter than its segment says; one that was not closed by its writer says nothing."""
    size = os.fstat(file.fileno()).st_size
    for _ in range(ELEMENTS):
        element, length = _number(file, keep_marker=True), _number(file)
        if element is None or length is None:
            return False
        if element == SEGMENT:
            return file.tell() + length > size
        file.seek(length, os.SEEK_CUR)
    return False


def _number(file: BinaryIO, keep_marker: bool = False) -> int | None:
    """A variable-length number (RFC 8794, section 4); None at the end, for none, and for "unknown" (all ones)."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    value = int.from_bytes(first + rest, "big")
    if len(rest) < width - 1:
        return None
    if keep_marker:
        return value
    value &= (1 << 7 * width) - 1
    return None if value == (1 << 7 * width) - 1 else value

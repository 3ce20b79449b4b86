"""Looking for the bytes of what was erased: vectors, crops and pictures, in files of any kind and size.

A blob does not lie in one piece in a database's file: it is cut at the ends of pages. So what is looked for are short
cuts of it, CUT bytes every few hundred: whichever piece of it is left somewhere has one of them in it whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CUT = 16
"""bytes; four numbers of a vector: that somebody else has them by chance is out of the question"""

MOST_CUTS = 16
"""of one blob: of a 512-D vector every 128 bytes"""

HEADER = 1024
"""bytes at the beginning of a picture that others have too; of a JPEG, whose comment may be long, all up to its scan"""

PIECE = 1 << 22
"""bytes read at once"""

_DIFFERENT = 8
"""byte values that a cut must have at least: zeros and repetitions are everywhere"""

_TABLE_BITS = 22
_FACTOR = np.uint32(2654435769)
"""2^32 divided by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4): spreads near numbers widely"""
_SHIFT = np.uint32(32 - _TABLE_BITS)
_WORD = np.dtype("<u4")


def cuts_of(blob: bytes, most: int = MOST_CUTS, header: int = 0) -> tuple[bytes, ...]:
    """Cuts of a blob, evenly over it, the last at its end. `header`: bytes at its beginning that say nothing.

    In a JPEG with a header that is all up to its scan: of a small one the tables are most, and all others have them.
    """
    first = (scan_of(blob) if header else None) or min(header, len(blob) // 2)
    last = len(blob) - CUT
    starts = np.unique(np.linspace(last, first, most, dtype=np.int64)).tolist() if last >= first else []
    return tuple(cut for start in starts if len(set(cut := blob[start : start + CUT])) >= _DIFFERENT)


def scan_of(blob: bytes) -> int | None:
    """Where the pixels of a JPEG begin: behind its start of scan (ITU-T T.81, B.2.3). None in anything else."""
    at = 2 if blob[:2] == b"\xff\xd8" else len(blob)
    while at + 4 <= len(blob) and blob[at] == 0xFF:
        at, marker = at + 2 + int.from_bytes(blob[at + 2 : at + 4]), blob[at + 1]
        if marker == 0xDA:
            return at
    return None


class Traces:
    """Many cuts, looked for all at once."""

    def __init__(self, cuts: Iterable[bytes]) -> None:
        """Raises ValueError for a cut of another length than CUT."""
        self._cuts = frozenset(cuts)
        if any(len(cut) != CUT for cut in self._cuts):
            raise ValueError(f"cuts must have {CUT} bytes")
        first = b"".join(cut[:4] for cut in self._cuts)
        self._words = np.unique(np.frombuffer(first, _WORD))
        self._table = np.zeros(1 << _TABLE_BITS, bool)
        self._table[_slots(self._words)] = True

    def __len__(self) -> int:
        return len(self._cuts)

    def in_bytes(self, data: bytes) -> bool:
        """Whether any cut lies anywhere in these bytes."""
        return any(self._in_words(data, offset) for offset in range(4))

    def in_file(self, path: Path) -> bool:
        """Whether any cut lies anywhere in this file. Raises OSError."""
        with path.open("rb", buffering=0) as file:
            before = b""
            while piece := file.read(PIECE):
                if self.in_bytes(before + piece):
                    return True
                before = (before + piece)[-(CUT - 1) :]
        return False

    def _in_words(self, data: bytes, offset: int) -> bool:
        """Whether a cut begins a multiple of 4 bytes behind `offset`."""
        words = np.frombuffer(data, _WORD, max(0, len(data) - offset) // 4, min(offset, len(data)))
        likely = np.flatnonzero(self._table[_slots(words)])
        likely = likely[np.isin(words[likely], self._words)]
        return any(data[start : start + CUT] in self._cuts for start in (4 * likely + offset).tolist())


def _slots(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return (words * _FACTOR) >> _SHIFT

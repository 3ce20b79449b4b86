"""Template vectors: what is checked of them, how far apart they are, and their bytes in the database.

The bytes say themselves how they are meant, so that galleries of any age and of several models are read alike:

    4 D bytes        D numbers, little-endian float32
    1 + D bytes      0x80, which as an int8 is -128 and no number of the grid; then D numbers of int8

A vector is kept in the second form if it lies on the int8 grid bit for bit (pipeline.gallery.int8_grid), as all of an
embedder with `kept: int8` do, and in the first if not. Either way it comes back as it was. Whole numbers of four
bytes are floats: the rare vector with D = 3, 7, 11 ..., whose second form would be as long, is kept in the first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import F32, check_array
from pipeline.errors import StoreError
from pipeline.gallery.int8_grid import LARGEST, on_grid, vectors_of

UNIT_TOLERANCE = 1e-3
"""how far a length may be from 1: float32 normalisation errs by 1e-6, a vector never normalised by far more"""

MAX_DISTANCE = 4.0
"""squared L2 between opposite unit vectors"""

STORED = np.dtype("<f4")
"""little-endian float32, so that a gallery file may move between machines"""

GRID_MARK = b"\x80"
"""first byte of a vector that is kept as int8"""


def check_unit(name: str, vectors: F32, dimension: int) -> None:
    """Raise ValueError unless `vectors` is float32 (N, dimension) and every row has length 1."""
    check_array(name, vectors, np.float32, ("N", dimension))
    lengths = np.linalg.norm(vectors, axis=1)
    # Written so that a NaN, which compares false with everything, is found too.
    wrong = np.flatnonzero(~(np.abs(lengths - 1.0) <= UNIT_TOLERANCE))
    if len(wrong):
        raise ValueError(f"{name} must have length 1, row {wrong[0]} has {lengths[wrong[0]]:.4g}")


def squared_l2(probe: F32, vectors: F32) -> F32:
    """Squared L2 from a unit probe (D,) to unit vectors (N, D), as (N,) in [0, 4].

    One pair's distance never depends on the other rows, which a matrix product's last bits do: the answer to
    a probe must not change with the batch it came in.
    """
    difference = vectors - probe
    distances = np.sum(np.square(difference), axis=1, dtype=np.float32)
    return np.clip(distances, 0.0, MAX_DISTANCE).astype(np.float32, copy=False)


def to_bytes(vector: F32) -> bytes:
    """A vector (D,) as it is stored: a byte a number where that loses nothing."""
    if len(vector) % STORED.itemsize != STORED.itemsize - 1:
        numbers = on_grid(vector[None])
        if numbers is not None:
            return GRID_MARK + numbers.tobytes()
    return floats_to_bytes(vector)


def from_bytes(data: bytes) -> F32:
    """The vector (D,) that `to_bytes` wrote, bit for bit. Raises ValueError where these bytes are none."""
    return _rows([data], dimension_of(data)).reshape(-1)


def floats_to_bytes(numbers: F32) -> bytes:
    """Numbers (D,) as float32, whatever they are."""
    return numbers.astype(STORED, copy=False).tobytes()


def floats_from_bytes(data: bytes) -> F32:
    """The numbers (D,) that `floats_to_bytes` wrote. Raises ValueError where these bytes are no float32 array."""
    return np.frombuffer(data, STORED).astype(np.float32)


def dimension_of(data: bytes) -> int:
    """D of a stored vector, by how many bytes it has (storage.rows has the same as SQL)."""
    return len(data) - len(GRID_MARK) if _is_int8(data) else len(data) // STORED.itemsize


def stacked(stored: Sequence[bytes], of: str = "templates") -> F32:
    """Stored vectors as rows (N, D); D is 0 where there is none.

    Raises StoreError, which says what they are `of`, where they are no unit vectors or of several lengths.
    """
    if not stored:
        return np.zeros((0, 0), np.float32)
    try:
        dimensions = sorted({dimension_of(each) for each in stored})
        if len(dimensions) > 1:
            raise ValueError(f"vectors have {' and '.join(map(str, dimensions))} numbers")
        found = _rows(stored, dimensions[0])
        check_unit("vectors", found, dimensions[0])
    except ValueError as error:
        raise damaged(str(error), of) from error
    return found


def _is_int8(data: bytes) -> bool:
    """Whether bytes are of the second form, going by how many there are."""
    return len(data) % STORED.itemsize != 0


def _rows(stored: Sequence[bytes], dimension: int) -> F32:
    """Stored vectors of D numbers each as rows (N, D); those of one form together, as a million have to be."""
    int8 = np.array([_is_int8(each) for each in stored], np.bool_)
    if not int8.any():
        return floats_from_bytes(b"".join(stored)).reshape(len(stored), dimension)
    if int8.all():
        return _from_int8(stored, dimension)
    rows = np.empty((len(stored), dimension), np.float32)
    for form, read in ((True, _from_int8), (False, _rows)):
        rows[int8 == form] = read([each for each in stored if _is_int8(each) == form], dimension)
    return rows


def _from_int8(stored: Sequence[bytes], dimension: int) -> F32:
    """Vectors (N, D) that are kept as int8. Raises ValueError where bytes are none such."""
    together = np.frombuffer(b"".join(stored), np.int8).reshape(len(stored), 1 + dimension)
    marks, numbers = together[:, 0], together[:, 1:]
    # The largest is ±127 and none is -128: what was cut off or overwritten hardly ever keeps to that.
    good = (marks == -LARGEST - 1) & (numbers.min(axis=1, initial=0) >= -LARGEST)
    good &= np.abs(numbers).max(axis=1, initial=0) == LARGEST
    if not good.all():
        raise ValueError(f"{len(stored[int(np.argmin(good))])} bytes are neither float32 nor int8 numbers")
    return vectors_of(numbers)


def damaged(what: str, of: str = "templates") -> StoreError:
    """The error of a gallery whose templates, or what else has vectors, cannot be."""
    return StoreError(f"the gallery has damaged {of} ({what}); run doctor, restore a copy")

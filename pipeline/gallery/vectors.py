"""Template vectors: what is checked of them, how far apart they are, and their bytes in the database."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import F32, check_array
from pipeline.errors import StoreError

UNIT_TOLERANCE = 1e-3
"""how far a length may be from 1: float32 normalisation errs by 1e-6, a vector never normalised by far more"""

MAX_DISTANCE = 4.0
"""squared L2 between opposite unit vectors"""

STORED = np.dtype("<f4")
"""little-endian float32, so that a gallery file may move between machines"""


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
    """A vector (D,) as it is stored."""
    return vector.astype(STORED, copy=False).tobytes()


def from_bytes(data: bytes) -> F32:
    """The vector (D,) that `to_bytes` wrote. Raises ValueError where these bytes are no float32 array."""
    return np.frombuffer(data, STORED).astype(np.float32)


def stacked(stored: Sequence[bytes], of: str = "templates") -> F32:
    """Stored vectors as rows (N, D); D is 0 where there is none.

    Raises StoreError, which says what they are `of`, where they are no unit vectors or of several lengths.
    """
    if not stored:
        return np.zeros((0, 0), np.float32)
    try:
        sizes = sorted({len(each) for each in stored})
        if len(sizes) > 1:
            raise ValueError(f"vectors have {' and '.join(map(str, sizes))} bytes")
        found = from_bytes(b"".join(stored)).reshape(len(stored), -1)
        check_unit("vectors", found, found.shape[1])
    except ValueError as error:
        raise damaged(str(error), of) from error
    return found


def damaged(what: str, of: str = "templates") -> StoreError:
    """The error of a gallery whose templates, or what else has vectors, cannot be."""
    return StoreError(f"the gallery has damaged {of} ({what}); run doctor, restore a copy")

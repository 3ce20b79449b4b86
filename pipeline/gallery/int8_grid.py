"""Unit vectors whose numbers are those of int8: what an embedder with `kept: int8` gives, and a byte a number keeps.

A vector v lies on the grid where it is q / |q| for whole numbers q in -127..127, the largest of them 127 or -127.
`to_grid` rounds any vector to the nearest one of its own length scale, q = rint(127 v / max|v|), so that from there
on nothing is lost by keeping q alone: rounding again changes no bit, and neither the batch nor the machine matters,
since |q|² is a whole number and each of v's numbers one division of float32. FaceNet (arXiv 1503.03832, section 5.4)
keeps 128 bytes a face in the same way.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32

I8 = NDArray[np.int8]
Kept = Literal["float32", "int8"]
"""what an embedder's vectors are kept as; `int8`: they lie on the grid"""

LARGEST = 127
"""-128 is left out, so that a number and its opposite are as likely"""


def to_grid(vectors: F32) -> F32:
    """The nearest vectors on the grid (N, D), unit length, for vectors (N, D) of any length but 0."""
    return vectors_of(numbers_of(vectors))


def numbers_of(vectors: F32) -> I8:
    """The whole numbers (N, D) that vectors (N, D) are rounded to; each row's largest becomes 127 or -127."""
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0).astype(np.float64)
    return np.asarray(np.rint(vectors * (LARGEST / largest)), np.int8)


def vectors_of(numbers: I8) -> F32:
    """The unit vectors (N, D) that whole numbers (N, D) stand for; none of the rows is all zeros."""
    # Below 2^24 for up to 1,040 numbers, and whole in float64 for any: the order of the sum does not matter.
    lengths = np.sqrt(np.sum(np.square(numbers, dtype=np.int64), axis=1, keepdims=True))
    return np.asarray(numbers.astype(np.float32) / lengths.astype(np.float32), np.float32)


def on_grid(vectors: F32) -> I8 | None:
    """The whole numbers (N, D) of vectors (N, D) that lie on the grid, bit for bit; None where one does not."""
    if not len(vectors) or not vectors.shape[1] or not np.isfinite(vectors).all():
        return None
    if not np.abs(vectors).max(axis=1).all():
        return None
    numbers = numbers_of(vectors)
    # As bits: -0.0 equals 0.0 and would come back as it.
    same = np.array_equal(vectors_of(numbers).view(np.uint32), np.ascontiguousarray(vectors).view(np.uint32))
    return numbers if same else None

"""A gallery's vectors in fewer dimensions: their principal axes, which a graph is walked along faster."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from pipeline.arrays import F32, check_array

KEPT = 0.95
"""share of the variance that is kept. FaceNet's 512 numbers vary in 95 directions only; 64 keep 0.953, and the full
vectors decide among what is found: 64, 80 and 96 dimensions found the same (docs/gallery.md, "Indexes")"""

STEP = 16
"""numbers that hnswlib compares at once"""

LEAST, MOST = 32, 128
"""dimensions; a gallery that varies in more is projected worse, and found by walking longer"""

LEARNT_FROM = 1024
"""templates that axes are learnt from at least; with fewer, vectors are taken as they are"""

SAMPLE = 20_000
"""templates that axes are learnt from at most"""

PROJECTED_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class Projection:
    """Vectors minus their centre, along their widest axes."""

    centre: F32
    """(D,)"""
    axes: F32
    """(D, K) orthonormal columns"""

    _offset: F32 = field(init=False, repr=False)
    """(K,) the centre, projected"""

    def __post_init__(self) -> None:
        check_array("centre", self.centre, np.float32, ("D",))
        check_array("axes", self.axes, np.float32, (len(self.centre), "K"))
        object.__setattr__(self, "_offset", self.centre @ self.axes)

    @property
    def dimension(self) -> int:
        """K, the length of a projected vector."""
        return int(self.axes.shape[1])

    def __call__(self, vectors: F32) -> F32:
        """Vectors (N, D) as (N, K); distances shrink, and by little."""
        projected = np.empty((len(vectors), self.dimension), np.float32)
        for start in range(0, len(vectors), PROJECTED_AT_ONCE):
            stop = start + PROJECTED_AT_ONCE
            np.matmul(vectors[start:stop], self.axes, out=projected[start:stop])
        projected -= self._offset
        return projected

    def save(self, file: Path) -> None:
        """Write an .npz. Raises OSError."""
        np.savez(file, centre=self.centre, axes=self.axes)

    @classmethod
    def load(cls, file: Path) -> Self:
        """What `save` wrote. Raises ValueError, OSError, KeyError."""
        with np.load(file, allow_pickle=False) as read:
            return cls(read["centre"], read["axes"])


def learn_projection(sample: F32) -> Projection:
    """The principal axes of these vectors (N, D), as many as keep 95 % of the variance.

    With few vectors or dimensions they are taken as they are.
    """
    dimension = sample.shape[1]
    if len(sample) < LEARNT_FROM or dimension <= LEAST:
        return Projection(np.zeros(dimension, np.float32), np.eye(dimension, dtype=np.float32))
    values = sample.astype(np.float64)
    variances, axes = np.linalg.eigh(np.cov(values, rowvar=False))
    kept = np.cumsum(variances[::-1])
    wanted = STEP * -(-(int(np.searchsorted(kept, KEPT * kept[-1])) + 1) // STEP)
    wanted = min(max(wanted, LEAST), MOST, dimension)
    widest = np.ascontiguousarray(axes[:, ::-1][:, :wanted], np.float32)
    return Projection(values.mean(axis=0).astype(np.float32), widest)

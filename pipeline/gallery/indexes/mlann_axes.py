"""The order of ML-ANN in a large gallery: a few references, and every template's place among them."""

from __future__ import annotations

import numpy as np

from pipeline.arrays import F32
from pipeline.gallery.indexes.mlann_visit import Visit

ENERGY = 0.95
"""of the templates' squared length that the references are to hold; the rest is what bounds are loose by"""

STEP = 8
"""references are a multiple of this many"""

MOST = 128
"""references; with so many the order alone costs a quarter of an exact search at 512-D"""

SAMPLE = 8192
"""templates that the axes are computed from: 16 for each number of a 512-D vector"""

FIRST_LOOK = 8
"""most likely templates that are looked at before anything is decided"""

NEXT_LOOK = 32
"""and after that, at a time"""


class AxisReferences:
    """References that are no templates: the principal axes of the gallery. Implements `References`.

    Each template is kept as its inner products with the m axes and the length of the rest, m + 1 numbers that
    have length 1 again. The squared L2 distance in them is the exponent of the joint likelihood of the m
    distances seen, and never more than the true distance.
    """

    def __init__(self, axes: F32) -> None:
        """`axes`: (m, D) orthonormal rows."""
        self.axes = axes
        self._places = np.zeros((len(axes) + 1, 64), np.float32)

    @property
    def cost(self) -> int:
        return len(self.axes)

    def append(self, known: F32, vectors: F32) -> None:
        start, stop = len(known), len(known) + len(vectors)
        if stop > self._places.shape[1]:
            larger = np.zeros((len(self._places), max(stop, 2 * self._places.shape[1])), np.float32)
            larger[:, :start] = self._places[:, :start]
            self._places = larger
        self._places[:, start:stop] = self._place(vectors)

    def move(self, source: int, target: int) -> None:
        self._places[:, target] = self._places[:, source]
        self._places[:, source] = 0.0

    def likeness(self, row: int, count: int) -> F32:
        likeness: F32 = self._places[:, row] @ self._places[:, :count]
        return likeness

    def search(self, visit: Visit) -> None:
        """The references first, then templates by what their distance is at least."""
        place = self._place(visit.probe[None])[:, 0]
        visit.spent += len(self.axes)
        bounds = 2.0 - 2.0 * (place @ self._places[:, : len(visit.vectors)])
        at_most = max(FIRST_LOOK, visit.limits.count)
        while len(rows := visit.next(bounds, at_most)):
            visit.look(rows)
            at_most = NEXT_LOOK
            if visit.near_enough():
                visit.stopped = True
                return

    def _place(self, vectors: F32) -> F32:
        """(m + 1, N) of vectors (N, D)."""
        within = self.axes @ vectors.T
        rest = np.sqrt(np.maximum(1.0 - np.sum(np.square(within), axis=0), 0.0))
        places: F32 = np.concatenate((within, rest[None]), dtype=np.float32)
        return places


def principal_axes(vectors: F32, at_most: int = MOST) -> F32:
    """Orthonormal axes (m, D) that hold ENERGY of the squared length of vectors (N, D), N at least 1.

    They are statistics of many templates, unlike templates themselves: nobody's removal makes them wrong, and no
    forgotten face stays in them as it was.
    """
    step = -(-len(vectors) // SAMPLE)
    sample = vectors[::step]
    energy, axes = np.linalg.eigh((sample.T @ sample).astype(np.float64))
    energy, axes = np.maximum(energy[::-1], 0.0), axes[:, ::-1].T
    enough = int(np.searchsorted(np.cumsum(energy), ENERGY * energy.sum())) + 1
    count = min(-(-enough // STEP) * STEP, at_most, len(axes))
    return np.ascontiguousarray(axes[:count], np.float32)

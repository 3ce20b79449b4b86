"""Boxes: float32 x0 y0 x1 y1 in pixels, far edge exclusive; and how large faces are."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32, I64


def box_areas(boxes: F32) -> F32:
    """Areas of boxes (N, 4) in square pixels (N,); an inverted box has area 0."""
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float32)


def iou_matrix(a: F32, b: F32) -> F32:
    """Intersection over union of boxes (N, 4) with boxes (M, 4), as (N, M) in [0, 1]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.clip(high - low, 0.0, None)
    shared = sides[..., 0] * sides[..., 1]
    union = box_areas(a)[:, None] + box_areas(b)[None, :] - shared
    return np.asarray(shared / np.maximum(union, 1e-9), dtype=np.float32)


def clip_boxes(boxes: F32, width: int, height: int) -> F32:
    """Boxes (N, 4) cut to a frame of this size in pixels."""
    limits = np.array([width, height, width, height], dtype=np.float32)
    return np.clip(boxes, 0.0, limits).astype(np.float32, copy=False)


def non_maximum_suppression(boxes: F32, scores: F32, max_iou: float) -> I64:
    """Rows to keep, best score first: each kept box removes those that overlap it by more than `max_iou`."""
    order = np.argsort(-scores, kind="stable")
    overlap = iou_matrix(boxes, boxes)
    alive = np.ones(len(boxes), dtype=np.bool_)
    keep: list[int] = []
    for row in order:
        if alive[row]:
            keep.append(int(row))
            alive &= overlap[row] <= max_iou
    return np.asarray(keep, dtype=np.int64)


def shorter_sides(boxes: F32) -> F32:
    """The shorter side (N,) of boxes (N, 4): what is meant by the size of a face."""
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).min(axis=1), dtype=np.float32)


def fraction_box(box: F32, width: int, height: int) -> tuple[float, float, float, float]:
    """A box (4,) in pixels as fractions of the frame, cut to [0, 1]."""
    x0, y0, x1, y1 = np.clip(box.astype(np.float64) / (width, height, width, height), 0.0, 1.0).tolist()
    return x0, y0, x1, y1


EDGES_PX = (16.0, 20.0, 24.0, 28.0, 32.0, 36.0, 40.0, 48.0, 64.0, 96.0, 128.0)
"""of faces' shorter sides: fine below detection.min_face_px and around it, where moving a camera changes most"""


@dataclass(frozen=True, slots=True)
class FaceSizes:
    """Faces by their shorter side."""

    counts: tuple[int, ...] = (0,) * (len(EDGES_PX) + 1)
    """below EDGES_PX[0], from there to below EDGES_PX[1], ..., from the last on"""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts)

    @staticmethod
    def of(shorter_px: Iterable[float]) -> FaceSizes:
        """Count these."""
        found = Counter(bisect_right(EDGES_PX, each) for each in shorter_px)
        return FaceSizes(tuple(found[at] for at in range(len(EDGES_PX) + 1)))

    def below(self, px: float) -> int:
        """Faces smaller than this, to the nearest edge that is not above it."""
        return sum(self.counts[: bisect_right(EDGES_PX, px)])

    @property
    def middle_half(self) -> tuple[float, float | None]:
        """Between which sizes in px at least every second face is: edges; None: no upper one."""
        low, high = self._place(0.25), self._place(0.75)
        return EDGES_PX[low - 1] if low else 0.0, EDGES_PX[high] if high < len(EDGES_PX) else None

    def _place(self, share: float) -> int:
        """The bin in which this share of all is reached."""
        seen = 0
        for at, count in enumerate(self.counts):
            seen += count
            if seen and seen >= share * self.total:
                return at
        return len(EDGES_PX)

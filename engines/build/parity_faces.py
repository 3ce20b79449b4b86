"""How far a detector's faces are from the reference's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engines.arrays import F32, F64, I64, U8
from engines.backends.base import Engine
from engines.build.parity_measures import FaceParity

MIN_IOU = 0.5
"""from here on two boxes are of one face, as in WIDER FACE's and PASCAL VOC's protocols"""


class FoundFaces(Protocol):
    """Faces of a frame, as a detector finds them."""

    @property
    def boxes(self) -> F32:
        """(N, 4) x0 y0 x1 y1 pixels of the frame"""
        ...

    @property
    def landmarks(self) -> F32:
        """(N, L, 2) x y pixels"""
        ...


FindFaces = Callable[[Engine, Sequence[U8]], Sequence[FoundFaces]]
"""faces of frames (H, W, 3) RGB by an open engine: what surrounds the network is not this room's"""


@dataclass(frozen=True, slots=True)
class Matches:
    """Which boxes are of one face."""

    ours: I64
    """(M,) rows"""
    theirs: I64
    """(M,) rows"""


def compare_faces(have: Sequence[FoundFaces], want: Sequence[FoundFaces]) -> FaceParity:
    """Faces of an engine and of the reference, one entry a frame."""
    found = 0
    errors_px: list[float] = []
    errors: list[float] = []
    for ours, theirs in zip(have, want, strict=True):
        matches = match(ours.boxes, theirs.boxes)
        found += len(matches.ours)
        apart = ours.landmarks[matches.ours].astype(np.float64) - theirs.landmarks[matches.theirs]
        distances = np.linalg.norm(apart, axis=2)  # (M, L) pixels
        boxes = theirs.boxes[matches.theirs]
        widths = np.maximum(boxes[:, 2] - boxes[:, 0], 1e-9)
        errors_px += distances.ravel().tolist()
        errors += (distances / widths[:, None]).ravel().tolist()
    return FaceParity(
        frames=len(want),
        faces=sum(len(each.boxes) for each in want),
        found=found,
        spurious=sum(len(each.boxes) for each in have) - found,
        landmark_error=_mean(errors),
        landmark_error_px=_mean(errors_px),
        worst_landmark_px=max(errors_px, default=0.0),
    )


def match(ours: F32, theirs: F32) -> Matches:
    """Boxes (N, 4) and (M, 4) that overlap by MIN_IOU, each in one pair at most, best overlaps first."""
    overlaps = _iou(ours, theirs)
    order = np.argsort(-overlaps, axis=None, kind="stable")
    rows: list[int] = []
    columns: list[int] = []
    for at in order.tolist():
        row, column = divmod(at, len(theirs))
        if overlaps[row, column] < MIN_IOU:
            break
        if row not in rows and column not in columns:
            rows.append(row)
            columns.append(column)
    return Matches(np.array(rows, np.int64), np.array(columns, np.int64))


def _iou(a: F32, b: F32) -> F64:
    """Intersection over union (N, M)."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0.0, None).astype(np.float64), axis=2)
    areas = [np.prod(each[:, 2:] - each[:, :2], axis=1).astype(np.float64) for each in (a, b)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9))


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0

"""How many faces a system finds, counted frame by frame.

Truth is what CenterFace finds at the video's full resolution on every frame, with its authors' own score and no
limit on size. A face of a frame counts as found when a box of the system overlaps its box by half; a box counts for
one face. So a system that looks at some frames only has to know where everybody is in the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipeline.arrays import F32, Bools
from pipeline.geometry import iou_matrix, shorter_sides

MIN_SCORE = 0.5
"""CenterFace's authors' operating point, and detection.min_score"""
MIN_IOU = 0.5
EDGES_PX = (20.0, 28.0, 40.0, 64.0)
"""of the true boxes' shorter sides: MTCNN's smallest face, half and one of detection.min_face_px, large"""


@dataclass(frozen=True, slots=True)
class SizeClass:
    """Faces between two sizes."""

    from_px: float
    """shorter side of the true box"""
    to_px: float | None
    """not included; None: no limit"""
    true: int
    found: int


@dataclass(frozen=True, slots=True)
class FaceFrames:
    """Faces of all frames, each counted in every frame that it is in."""

    true: int
    found: int
    boxes: int
    """that the system gave; those that are no true face's are not errors: truth misses hidden and turned faces too"""
    sizes: tuple[SizeClass, ...]


def found_faces(true: F32, boxes: F32) -> Bools:
    """Which faces (N,) of one frame, given their boxes (N, 4), are covered by boxes (M, 4), as many as can be."""
    close = iou_matrix(true, boxes) >= MIN_IOU
    rows, columns = linear_sum_assignment(~close)
    found = np.zeros(len(true), np.bool_)
    found[rows] = close[rows, columns]
    return found


def count_faces(truth: Sequence[F32], boxes: Sequence[F32]) -> FaceFrames:
    """Count a video's face-frames: true boxes (N, 4) and a system's (M, 4), both a frame.

    Raises ValueError where the two are not of as many frames.
    """
    found = [found_faces(true, given) for true, given in zip(truth, boxes, strict=True)]
    all_found = np.concatenate([np.zeros(0, np.bool_), *found])
    sides_px = np.concatenate([np.zeros(0, np.float32), *(shorter_sides(true) for true in truth)])
    bins = np.searchsorted(EDGES_PX, sides_px, side="right")
    return FaceFrames(
        len(all_found),
        int(all_found.sum()),
        sum(len(given) for given in boxes),
        tuple(
            SizeClass(low, high, int((bins == at).sum()), int(all_found[bins == at].sum()))
            for at, (low, high) in enumerate(zip((0.0, *EDGES_PX), (*EDGES_PX, None), strict=True))
        ),
    )

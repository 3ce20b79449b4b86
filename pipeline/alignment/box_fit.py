"""A fitted transform from one detector's box and landmarks to the box another detector would give.

The FaceNet weights were trained on upright crops of MTCNN's boxes. CenterFace is faster but draws its boxes
elsewhere, so its box and five landmarks are mapped, by a linear function fitted on LFW people who are in no
test pair, to where MTCNN would put the box. docs/crop.md has the measurement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32, F64, check_array
from pipeline.types import Faces

FEATURES = 11
"""x y of five landmarks in the box's own frame, and 1"""


@dataclass(frozen=True, slots=True)
class BoxTransform:
    """Linear map from landmarks, in the box's own frame, to the corners of another box in that frame.

    The frame has its origin in the box's centre and the box's width and height as units, so that the
    transform works at any place and size.
    """

    coefficients: F64
    """(11, 4): from x y of five landmarks and 1, to x0 y0 x1 y1"""

    def __post_init__(self) -> None:
        check_array("coefficients", self.coefficients, np.float64, (FEATURES, 4))

    def apply(self, faces: Faces) -> F32:
        """Boxes (N, 4) in image pixels; they may reach over the image's edge."""
        centres, sides = _frames(faces)
        corners = (_features(faces, centres, sides) @ self.coefficients).reshape(-1, 2, 2)
        return (corners * sides[:, None] + centres[:, None]).reshape(-1, 4).astype(np.float32)


def fit_box_transform(faces: Faces, targets: F32, ridge: float = 1e-3) -> BoxTransform:
    """The transform whose boxes are nearest to `targets` (N, 4), by least squares with a small ridge.

    Raises ValueError with fewer faces than coefficients a corner.
    """
    check_array("targets", targets, np.float32, (len(faces), 4))
    if len(faces) < FEATURES:
        raise ValueError(f"a fit needs at least {FEATURES} faces, got {len(faces)}")
    centres, sides = _frames(faces)
    features = _features(faces, centres, sides)
    corners = ((targets.reshape(-1, 2, 2) - centres[:, None]) / sides[:, None]).reshape(-1, 4)
    normal = features.T @ features + ridge * np.eye(FEATURES)
    return BoxTransform(np.asarray(np.linalg.solve(normal, features.T @ corners), dtype=np.float64))


def _frames(faces: Faces) -> tuple[F64, F64]:
    """Centres (N, 2) and sides (N, 2) of the detector's boxes."""
    low, high = faces.boxes[:, :2].astype(np.float64), faces.boxes[:, 2:].astype(np.float64)
    return (low + high) / 2, np.maximum(high - low, 1.0)


def _features(faces: Faces, centres: F64, sides: F64) -> F64:
    """(N, 11) landmarks in the box's frame, and 1."""
    points = (faces.landmarks - centres[:, None]) / sides[:, None]
    return np.concatenate([points.reshape(-1, 10), np.ones((len(faces), 1))], axis=1)

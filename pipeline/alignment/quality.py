"""How much a face's crop can be trusted, from what spoils it: size, blur, pose, light, doubt, something in front.

Every defect was measured in the one currency that matters, the squared L2 distance that it adds between a
face's vector and the same face's vector without the defect (docs/quality.md: the curves below, and the
command). Distances of independent defects add up, so each part is exp(-RATE * cost) and quality their product.
A quality of 0.5 means: expect about 0.23 more distance to the same person's other photos.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.alignment.occlusion import shipped_net
from pipeline.arrays import F32, F64, U8, check_array, check_rows
from pipeline.gallery.recogniser import QualityParts
from pipeline.types import Faces

JudgeParts = Callable[[U8, Faces], QualityParts | None]
"""crops (N, S, S, 3), their faces -> what their quality is the product of; None where that is not known"""

REVISION = 2
"""raised when a curve or a measure changes"""
RATE = 3.0
"""per squared L2; makes 0.5 of a defect that costs 0.23"""

Curve = tuple[tuple[float, float], ...]
"""(what is measured, its cost in squared L2), ascending; straight lines between, constant beyond"""

SIZE_PX: Curve = (
    (8, 2.0),
    (12, 1.16),
    (17, 0.65),
    (24, 0.29),
    (33, 0.12),
    (48, 0.034),
    (66, 0.015),
    (95, 0.0),
)
"""shorter side of the detector's box"""
DETAIL_ACROSS: Curve = (
    (0.001, 1.6),
    (0.002, 1.2),
    (0.004, 0.78),
    (0.007, 0.48),
    (0.015, 0.17),
    (0.03, 0.05),
    (0.04, 0.0),
)
"""energy of second differences along rows over the variance; blur to the side lowers it"""
DETAIL_DOWN: Curve = (
    (0.002, 1.6),
    (0.005, 0.8),
    (0.01, 0.5),
    (0.02, 0.25),
    (0.04, 0.1),
    (0.08, 0.03),
    (0.1, 0.0),
)
"""the same along columns, where eyes and mouth leave more of it"""
CONTRAST: Curve = ((0, 2.3), (3, 2.0), (5, 0.98), (6, 0.55), (10, 0.26), (16, 0.1), (20, 0.07), (26, 0.0))
"""standard deviation of the grey values, 0 to 255; darkness lowers it too"""
SATURATION: Curve = ((0.0, 0.0), (0.05, 0.1), (0.37, 0.36), (0.71, 0.93), (0.9, 1.5), (1.0, 2.0))
"""part of the pixels that are clipped to white"""
YAW: Curve = ((0.75, 0.0), (1.1, 0.15), (1.5, 0.6), (2.0, 1.2), (4.0, 2.0))
"""how far the nose is from the eyes' middle along their line, in half eye distances; beyond 1 one eye is hidden"""
PITCH: Curve = (
    (0.1, 1.2),
    (0.3, 0.6),
    (0.4, 0.35),
    (0.45, 0.2),
    (0.48, 0.08),
    (0.52, 0.0),
    (0.63, 0.0),
    (0.7, 0.1),
    (0.8, 0.25),
    (1.0, 0.6),
    (1.5, 1.2),
)
"""how far down the nose is between eyes (0) and mouth (1)"""
ROLL_DEG: Curve = ((10.0, 0.0), (20.0, 0.1), (30.0, 0.22), (45.0, 0.56), (90.0, 1.5), (180.0, 2.0))
"""angle of the eyes' line: crops are upright, faces may not be"""
SCORE: Curve = (
    (0.0, 1.2),
    (0.3, 0.7),
    (0.5, 0.4),
    (0.7, 0.22),
    (0.8, 0.15),
    (0.84, 0.13),
    (0.86, 0.09),
    (0.88, 0.06),
    (0.9, 0.015),
    (0.91, 0.0),
)
"""the detector's own score"""
COVERED: Curve = ((0.25, 0.0), (0.4, 0.15), (0.6, 0.5), (1.0, 1.0), (1.5, 1.6))
"""what the occlusion network says; of clean faces 97 in 100 are below 0.25, so nothing is told of less"""

MEASURE_PX = 64
"""sharpness and exposure are measured at this side: finer detail is noise to a network with 160 px input"""
MIN_MEASURE_PX = 16
CROP_SHARE = 1.28
"""a crop shows 1.28 box sides: a margin of 14 % on each side"""
WHITE = 250
NOISE_VARIANCE = 25.0
"""grey levels squared; added so that an even grey crop with noise is not called sharp"""


@dataclass(frozen=True, slots=True)
class Quality:
    """What spoils each face, one part a defect, each in [0, 1], 1 for none of it."""

    size: F32
    """(N,)"""
    sharpness: F32
    """(N,) upscaling does not count as blur: `size` has that"""
    pose: F32
    """(N,) yaw, pitch and roll"""
    exposure: F32
    """(N,) contrast and clipped white"""
    detection: F32
    """(N,)"""
    occlusion: F32
    """(N,) hands, masks, sunglasses, door frames: what is in front of the face"""

    def __post_init__(self) -> None:
        for field in fields(self):
            check_array(field.name, getattr(self, field.name), np.float32, ("N",))
            check_rows(len(self.size), **{field.name: getattr(self, field.name)})

    @property
    def overall(self) -> F32:
        """(N,) product of the parts, in [0, 1]."""
        parts = [getattr(self, field.name) for field in fields(self)]
        return np.asarray(np.prod(parts, axis=0), dtype=np.float32)


def quality_recipe() -> str:
    """What a judgement depends on beside crop and face, so that those that were kept are made anew when it changes.

    Raises BadInputError where the occlusion network's weights are missing.
    """
    return f"{REVISION} {shipped_net().sha256}"


def judge(crops: U8, faces: Faces) -> F32:
    """Overall quality (N,) of crops (N, S, S, 3) and the faces they were cut of."""
    return assess(crops, faces).overall


def parts_of(crops: U8, faces: Faces) -> QualityParts:
    """The parts of the same, by name."""
    found = assess(crops, faces)
    names = tuple(field.name for field in fields(Quality))
    return QualityParts(names, np.stack([getattr(found, name) for name in names], axis=1))


def no_parts(crops: U8, faces: Faces) -> None:
    """Of a judge that has none."""


def assess(crops: U8, faces: Faces) -> Quality:
    """Quality of crops (N, S, S, 3) RGB and the faces they were cut of, part by part."""
    check_array("crops", crops, np.uint8, ("N", "S", "S", 3))
    check_rows(len(faces), crops=crops)
    shorter_px = np.min(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1, initial=np.inf)
    looks = [_look(crop, side) for crop, side in zip(crops, shorter_px.tolist(), strict=True)]
    across, down, contrast, white = np.array(looks, np.float64).reshape(-1, 4).T
    return Quality(
        size=_part(_cost(shorter_px, SIZE_PX)),
        # Blur that is even loses detail both ways at once: measured, the two add up as squares.
        sharpness=_part(np.hypot(_cost(across, DETAIL_ACROSS), _cost(down, DETAIL_DOWN))),
        pose=_part(_pose_cost(faces.landmarks)),
        exposure=_part(_cost(contrast, CONTRAST) + _cost(white, SATURATION)),
        detection=_part(_cost(faces.scores, SCORE)),
        occlusion=_part(_cost(shipped_net().cost(crops), COVERED)),
    )


def _look(crop: U8, shorter_px: float) -> tuple[float, float, float, float]:
    """Detail across and down, contrast, and white part of the middle of a crop (S, S, 3).

    The crop is first brought back to the size that its face had in the image, or to MEASURE_PX.
    """
    side = int(np.clip(round(shorter_px * CROP_SHARE), MIN_MEASURE_PX, MEASURE_PX))
    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (side, side), interpolation=cv2.INTER_AREA)
    edge = side // 8  # hair and background around the face tell nothing of it
    face = grey[edge:-edge, edge:-edge].astype(np.float32)
    variance = float(face.var())
    across = float(np.mean(np.diff(face, 2, axis=1) ** 2)) / (variance + NOISE_VARIANCE)
    down = float(np.mean(np.diff(face, 2, axis=0) ** 2)) / (variance + NOISE_VARIANCE)
    return across, down, variance**0.5, float(np.mean(face >= WHITE))


def _pose_cost(landmarks: F32) -> F64:
    """Cost (N,) of yaw, pitch and roll of landmarks (N, 5, 2)."""
    points = landmarks.astype(np.float64)
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    line = points[:, 1] - points[:, 0]
    distance = np.maximum(np.linalg.norm(line, axis=1), 1e-6)
    right = line / distance[:, None]
    down = np.stack([-right[:, 1], right[:, 0]], axis=1)
    nose = points[:, 2] - eyes
    yaw = np.abs(np.sum(nose * right, axis=1)) / (distance / 2)
    drop = np.sum((mouth - eyes) * down, axis=1)
    # A mouth at or above the eyes' line is no face seen from the front: as bad as the worst pitch.
    pitch = np.where(drop > 1e-6, np.sum(nose * down, axis=1) / np.maximum(drop, 1e-6), 0.0)
    roll_deg = np.degrees(np.abs(np.arctan2(line[:, 1], line[:, 0])))
    return _cost(yaw, YAW) + _cost(pitch, PITCH) + _cost(roll_deg, ROLL_DEG)


def _cost(values: NDArray[np.floating], curve: Curve) -> F64:
    """The curve's cost of each value (N,)."""
    at, costs = np.array(curve, np.float64).T
    return np.asarray(np.interp(values, at, costs), dtype=np.float64)


def _part(cost: F64) -> F32:
    return np.asarray(np.exp(-RATE * cost), dtype=np.float32)

"""The ways to cut a face that are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from benchmarks._crop_fit import Sample
from pipeline.alignment.box_fit import BoxTransform
from pipeline.alignment.crop import CropRule, cut, widen
from pipeline.arrays import F32, U8
from pipeline.types import Faces

SIZE_PX = 160
RECIPE_MARGIN_PX = 16.0
"""FaceNet's own margin on LFW, 32 for both sides together"""
MARGIN_FRACTION = 0.14
"""chosen on dev people: 0.12 to 0.15 are alike there, 0.18 is worse"""
PLAIN = "CenterFace box, 16 px"
FITTED = "fitted box, 16 px"
SHIPPED = f"fitted box, {MARGIN_FRACTION:.0%} of its side"
SIMILARITY = "five-landmark similarity"
MTCNN = "MTCNN box, 16 px"


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo, and the face meant in it as each detector sees it; none where it sees none."""

    image: U8
    centerface: Faces
    mtcnn: Faces


@dataclass(frozen=True, slots=True)
class CropKind:
    """A way to cut the crop of the face meant."""

    name: str
    crop: Callable[[Shown], U8]
    """(1, S, S, 3), or (0, S, S, 3) where its detector sees no face"""
    boxes: Callable[[Faces], F32] | None = None
    """boxes of CenterFace's faces before the margin; None where the crop does not come from such a box"""


def crop_kinds(transform: BoxTransform, template: F32) -> tuple[CropKind, ...]:
    """All kinds; `template` (5, 2) is where the landmarks go in a similarity crop."""
    plain = CropRule(SIZE_PX, RECIPE_MARGIN_PX, 0.0)
    fitted = replace(plain, transform=transform)
    return (
        _by_rule(PLAIN, plain),
        _by_rule(FITTED, fitted),
        _by_rule(SHIPPED, shipped_rule(transform)),
        CropKind(SIMILARITY, lambda shown: _similarity_crops(shown.image, shown.centerface, template)),
        CropKind(
            MTCNN, lambda shown: cut(shown.image, widen(shown.mtcnn.boxes, RECIPE_MARGIN_PX, 0.0), SIZE_PX)
        ),
    )


def shipped_rule(transform: BoxTransform) -> CropRule:
    """The rule that Facestream uses."""
    return CropRule(SIZE_PX, 0.0, MARGIN_FRACTION, transform)


def mean_template(samples: Sequence[Sample], rule: CropRule) -> F32:
    """Mean place (5, 2) of the landmarks in the rule's crops: the similarity crop that is nearest to them."""
    places = []
    for sample in samples:
        boxes = rule.boxes(sample.faces)
        low, sides = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
        places.append((sample.faces.landmarks - low) / sides * rule.size_px)
    return np.asarray(np.mean(np.concatenate(places), axis=0), dtype=np.float32)


def _by_rule(name: str, rule: CropRule) -> CropKind:
    bare = replace(rule, margin_px=0.0, margin_fraction=0.0)
    return CropKind(name, lambda shown: rule.crops(shown.image, shown.centerface), bare.boxes)


def _similarity_crops(image: U8, faces: Faces, template: F32) -> U8:
    """Crops turned and scaled so that the landmarks come nearest to the template."""
    crops = np.empty((len(faces), SIZE_PX, SIZE_PX, 3), np.uint8)
    goal = template[:, 0] + 1j * template[:, 1]
    for crop, points in zip(crops, faces.landmarks, strict=True):
        place = points[:, 0] + 1j * points[:, 1]
        centred, wanted = place - place.mean(), goal - goal.mean()
        turn = np.vdot(centred, wanted) / np.vdot(centred, centred)  # least squares over turn and scale
        shift = goal.mean() - turn * place.mean()
        matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
        crop[:] = cv2.warpAffine(image, matrix, (SIZE_PX, SIZE_PX), flags=cv2.INTER_LINEAR)
    return crops

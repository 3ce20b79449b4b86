"""Fitting CenterFace's box to MTCNN's on LFW photos shown in several sizes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks._networks import Networks
from benchmarks._photos import Photo, face_meant
from pipeline.alignment.box_fit import BoxTransform, fit_box_transform
from pipeline.arrays import F32, U8
from pipeline.geometry import iou_matrix
from pipeline.types import Faces

SCALES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
"""sizes at which a photo is shown to CenterFace: its faces are then about 24 to 190 px wide, as in video"""
SAME_FACE_IOU = 0.3
"""below this the two detectors chose different people"""
DECIMALS = 5
"""of a coefficient, in box sides: a thousandth of a pixel"""


@dataclass(frozen=True, slots=True)
class Sample:
    """One person's face as CenterFace sees it in several sizes, and where MTCNN draws its box."""

    person: str
    faces: Faces
    """(K,) a row a size"""
    targets: F32
    """(K, 4) MTCNN's box at full size, scaled"""

    @property
    def held_out(self) -> bool:
        """A fifth of the people, chosen by name, on whom fits are checked."""
        return zlib.crc32(self.person.encode()) % 5 == 0


def collect(networks: Networks, photos: Iterable[Photo]) -> list[Sample]:
    """A sample of every photo in which both detectors find the same face."""
    samples = []
    for photo in photos:
        (found,) = networks.mtcnn.detect([photo.image])
        target = face_meant(found, photo.image).boxes
        shown = [_shown_at(networks, photo.image, scale) for scale in SCALES] if len(target) else []
        rows = [
            (face, target * np.float32(scale))
            for face, scale in zip(shown, SCALES, strict=bool(shown))
            if len(face) and iou_matrix(face.boxes, target * np.float32(scale))[0, 0] >= SAME_FACE_IOU
        ]
        if rows:
            samples.append(
                Sample(photo.person, joined([f for f, _ in rows]), np.concatenate([t for _, t in rows]))
            )
    return samples


def fit(samples: Sequence[Sample]) -> BoxTransform:
    """The transform fitted on all rows of these samples, rounded as it is written down."""
    faces = joined([sample.faces for sample in samples])
    transform = fit_box_transform(faces, np.concatenate([sample.targets for sample in samples]))
    return BoxTransform(np.round(transform.coefficients, DECIMALS))


def overlap(samples: Sequence[Sample], boxes: Callable[[Faces], F32]) -> float:
    """Mean intersection over union of `boxes` with MTCNN's, over the people held out and all sizes."""
    held_out = [sample for sample in samples if sample.held_out]
    matrices = [iou_matrix(boxes(sample.faces), sample.targets) for sample in held_out]
    return float(np.mean(np.concatenate([np.diag(matrix) for matrix in matrices])))


def joined(parts: Sequence[Faces]) -> Faces:
    """The rows of all parts, one after the other."""
    return Faces(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
        np.concatenate([part.scores for part in parts]),
    )


def _shown_at(networks: Networks, image: U8, scale: float) -> Faces:
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=how), dtype=np.uint8)
    return face_meant(networks.centerface.detect([small])[0], small)

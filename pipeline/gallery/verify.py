"""Whether two photos show the same person: 1:1, without a gallery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32, U8
from pipeline.gallery.recogniser import Recogniser, largest_face
from pipeline.gallery.vectors import squared_l2


@dataclass(frozen=True, slots=True)
class DescribedPhoto:
    """The largest face of a photo."""

    faces: int
    """found in the photo; only the largest is described"""
    vector: F32
    """(D,) unit length"""
    quality: float
    """in [0, 1]"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far apart two faces are, and what follows."""

    distance: float
    """squared L2 in [0, 4]"""
    threshold: float
    """squared L2; the same person below it"""

    @property
    def same(self) -> bool:
        """Whether both are the same person."""
        return self.distance < self.threshold

    @property
    def similarity(self) -> float:
        """cosine, 1 - distance / 2"""
        return 1.0 - self.distance / 2.0


def describe_largest(image: U8, recogniser: Recogniser) -> DescribedPhoto | None:
    """The largest face of an RGB image (H, W, 3); None where there is no face."""
    faces = recogniser.detect(image)
    if not len(faces):
        return None
    described = recogniser.describe(image, faces.take(np.array([largest_face(faces)])))
    return DescribedPhoto(len(faces), described.vectors[0], float(described.quality[0]))


def compare(a: DescribedPhoto, b: DescribedPhoto, threshold: float) -> Comparison:
    """Compare two faces at this squared L2 threshold."""
    return Comparison(float(squared_l2(a.vector, b.vector[None])[0]), threshold)

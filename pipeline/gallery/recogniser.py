"""What the gallery is given to look at photos with. It never imports a detector or an embedder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.arrays import F32, U8, check_array, check_rows
from pipeline.types import Faces


@dataclass(frozen=True, slots=True)
class Described:
    """What the embedder says about faces, one a row."""

    vectors: F32
    """(N, D) unit length"""
    quality: F32
    """(N,) in [0, 1]"""

    def __post_init__(self) -> None:
        check_array("vectors", self.vectors, np.float32, ("N", "D"))
        check_array("quality", self.quality, np.float32, ("N",))
        check_rows(len(self.vectors), quality=self.quality)


class Detect(Protocol):
    """Finds the faces of an RGB image (H, W, 3) of any size."""

    def __call__(self, image: U8) -> Faces: ...


class Describe(Protocol):
    """Embeds faces of an RGB image (H, W, 3), one row each."""

    def __call__(self, image: U8, faces: Faces) -> Described: ...


class Recogniser(Protocol):
    """Both, and what the vectors are."""

    @property
    def model_id(self) -> str:
        """Vectors of two model_ids are never compared."""
        ...

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        ...

    def detect(self, image: U8) -> Faces:
        """Faces of an RGB image (H, W, 3) of any size."""
        ...

    def describe(self, image: U8, faces: Faces) -> Described:
        """Vector and quality of each of these faces."""
        ...


def central_face(faces: Faces, width: int, height: int) -> int:
    """Row of the face that a photo is of: large and near its middle, area - 2 offset² in pixels.

    The rule of davidsandberg/facenet, src/align/align_dataset_mtcnn.py, for photos of one person with others in
    the background. Raises ValueError where there is no face.
    """
    sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
    offsets = faces.boxes[:, :2] + sides / 2 - np.array([width, height], np.float32) / 2
    return int(np.argmax(np.prod(sides, axis=1) - 2.0 * np.sum(offsets**2, axis=1)))


def largest_face(faces: Faces) -> int:
    """Row of the face with the largest box, the first on a tie. Raises ValueError where there is none."""
    sides = faces.boxes[:, 2:] - faces.boxes[:, :2]
    return int(np.argmax(sides[:, 0] * sides[:, 1]))

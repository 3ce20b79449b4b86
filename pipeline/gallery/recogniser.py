"""What the gallery is given to look at photos with. It never imports a detector or an embedder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.arrays import F32, U8, check_array, check_rows
from pipeline.types import Faces


@dataclass(frozen=True, slots=True)
class QualityParts:
    """What spoils faces, a column a defect."""

    names: tuple[str, ...]
    """size, sharpness, ..."""
    values: F32
    """(N, P) in [0, 1], 1 for none of it; the quality is their product"""

    def __post_init__(self) -> None:
        check_array("values", self.values, np.float32, ("N", "P"))
        if self.values.shape[1] != len(self.names):
            raise ValueError(f"values must have {len(self.names)} columns, got {self.values.shape[1]}")

    @property
    def overall(self) -> F32:
        """(N,) the product of the parts, in their order, so that it is the same to the last bit for every N."""
        return np.asarray(np.prod(np.ascontiguousarray(self.values.T), axis=0), dtype=np.float32)

    def of(self, row: int) -> Mapping[str, float]:
        """A face's parts by name, the worst first."""
        by_name = zip(self.names, self.values[row].tolist(), strict=True)
        return dict(sorted(by_name, key=lambda part: part[1]))


@dataclass(frozen=True, slots=True)
class Described:
    """What the embedder says about faces, one a row."""

    vectors: F32
    """(N, D) unit length"""
    quality: F32
    """(N,) in [0, 1]"""
    parts: QualityParts | None = None
    """of the quality; None from a recogniser that knows no parts"""

    def __post_init__(self) -> None:
        check_array("vectors", self.vectors, np.float32, ("N", "D"))
        check_array("quality", self.quality, np.float32, ("N",))
        check_rows(len(self.vectors), quality=self.quality)
        if self.parts is not None:
            check_rows(len(self.vectors), parts=self.parts.values)


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
        """Of its vectors, and of the templates that are made of them."""
        ...

    @property
    def comparable(self) -> tuple[str, ...]:
        """Whose vectors its own may be compared with: its model_id, then those that the model is compatible with."""
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

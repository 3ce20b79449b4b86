"""Painted faces: photos whose faces are plain rectangles, and a recogniser that reads them back exactly.

For tests and for trying the gallery's commands without a model: a face's colour says who it is (red), which
shot of them (green) and how good (blue), and the person's vectors lie around a seeded centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32, U8
from pipeline.gallery.recogniser import Described
from pipeline.types import Faces

BEST = 255
"""blue of a face of quality 1"""


@dataclass(frozen=True, slots=True)
class PaintedFace:
    """One rectangle."""

    person: int
    """1 to 255"""
    shot: int = 0
    """0 to 255; shots of a person differ a little"""
    quality: float = 0.8
    """in [0, 1], kept in steps of 1/255"""
    box: tuple[int, int, int, int] = (40, 30, 140, 150)
    """x0 y0 x1 y1 pixels"""


def paint(faces: Sequence[PaintedFace], width: int = 240, height: int = 180) -> U8:
    """An image (H, W, 3) RGB with these faces on black; later ones cover earlier ones."""
    image = np.zeros((height, width, 3), np.uint8)
    for face in faces:
        x0, y0, x1, y1 = face.box
        image[y0:y1, x0:x1] = (face.person, face.shot, round(face.quality * BEST))
    return image


class PaintedRecogniser:
    """Finds and describes painted faces. Implements `pipeline.gallery.recogniser.Recogniser`."""

    def __init__(
        self,
        model_id: str = "painted",
        dimension: int = 64,
        spread: float = 0.4,
        compatible_with: tuple[str, ...] = (),
    ) -> None:
        """`spread`: how far a shot is from its person's centre; 0.4 puts shots about 0.28 apart, people 2.

        All recognisers of one dimension give vectors around the same centres; `compatible_with` says which of them
        own up to it.
        """
        self.model_id = model_id
        self.comparable = (model_id, *compatible_with)
        self.dimension = dimension
        self._spread = spread

    def detect(self, image: U8) -> Faces:
        """Every colour but black is a face, in order of colour."""
        colours = np.unique(image.reshape(-1, 3), axis=0)
        boxes = [_extent(image, colour) for colour in colours if colour.any()]
        if not boxes:
            return Faces.none()
        stacked = np.stack(boxes)
        centres = (stacked[:, None, :2] + stacked[:, None, 2:]) / 2.0
        landmarks = np.repeat(centres, 5, axis=1).astype(np.float32)
        return Faces(stacked, landmarks, np.ones(len(stacked), np.float32))

    def describe(self, image: U8, faces: Faces) -> Described:
        """Vectors and qualities read from the colours at the faces' upper left corners."""
        corners = faces.boxes[:, :2].astype(np.int64)
        colours = image[corners[:, 1], corners[:, 0]]
        vectors = [self.vector(int(person), int(shot)) for person, shot, _ in colours]
        return Described(
            np.stack(vectors) if vectors else np.zeros((0, self.dimension), np.float32),
            (colours[:, 2] / BEST).astype(np.float32),
        )

    def vector(self, person: int, shot: int = 0) -> F32:
        """The vector (D,) of a person's shot, unit length."""
        centre = np.random.default_rng(person).normal(size=self.dimension)
        offset = np.random.default_rng((person, shot)).normal(size=self.dimension)
        vector = centre / np.linalg.norm(centre) + self._spread * offset / np.linalg.norm(offset)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def _extent(image: U8, colour: U8) -> F32:
    """The box (4,) around all pixels of a colour."""
    ys, xs = np.nonzero(np.all(image == colour, axis=2))
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float32)

"""A CenterFace whose faces are painted: the inverse of its decoding, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engines.arrays import Batch
from engines.backends.base import TensorSpec
from engines.backends.fake import FakeEngine
from pipeline.arrays import F32

STRIDE = 4
OUTPUTS = (
    TensorSpec("heat", ("n", 1, "h", "w")),
    TensorSpec("scale", ("n", 2, "h", "w")),
    TensorSpec("offset", ("n", 2, "h", "w")),
    TensorSpec("landmarks", ("n", 10, "h", "w")),
)
INPUTS = (TensorSpec("image", ("n", "h", "w", 3), "uint8"),)


@dataclass(frozen=True, slots=True)
class Painted:
    """A face in the network's input."""

    box: tuple[float, float, float, float]
    """input pixels"""
    score: float = 0.9
    points: tuple[tuple[float, float], ...] = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
    """x y of the landmarks in box sides, from its upper left corner"""

    @property
    def landmarks(self) -> F32:
        """(5, 2) input pixels"""
        x0, y0, x1, y1 = self.box
        return np.array([(x0 + x * (x1 - x0), y0 + y * (y1 - y0)) for x, y in self.points], np.float32)


def paint(shape: tuple[int, int], faces: Sequence[Painted]) -> dict[str, F32]:
    """What CenterFace would say, without the batch axis, of an input (h, w) with these faces."""
    height, width = shape[0] // STRIDE, shape[1] // STRIDE
    maps = {
        "heat": np.zeros((1, height, width), np.float32),
        "scale": np.zeros((2, height, width), np.float32),
        "offset": np.zeros((2, height, width), np.float32),
        "landmarks": np.zeros((10, height, width), np.float32),
    }
    for face in faces:
        x0, y0, x1, y1 = face.box
        centre_x, centre_y = (x0 + x1) / 2 / STRIDE, (y0 + y1) / 2 / STRIDE
        y, x = int(centre_y), int(centre_x)
        maps["heat"][0, y, x] = face.score
        maps["scale"][:, y, x] = np.log((y1 - y0) / STRIDE), np.log((x1 - x0) / STRIDE)
        maps["offset"][:, y, x] = centre_y - y - 0.5, centre_x - x - 0.5
        maps["landmarks"][:, y, x] = [value for px, py in face.points for value in (py, px)]
    return maps


class PaintedNetwork:
    """Answers every input with the faces given for its shape, and remembers the shapes it was shown."""

    def __init__(self, faces: Mapping[tuple[int, int], Sequence[Painted]]) -> None:
        self.faces = faces
        self.shown: list[tuple[int, ...]] = []
        self.engine = FakeEngine(self._answer, INPUTS, OUTPUTS)
        self.engine.open()

    def _answer(self, inputs: Mapping[str, Batch]) -> Mapping[str, F32]:
        count, height, width, _ = inputs["image"].shape
        self.shown.append(inputs["image"].shape)
        maps = paint((height, width), self.faces.get((height, width), ()))
        return {name: np.repeat(value[None], count, axis=0) for name, value in maps.items()}

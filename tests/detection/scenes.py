"""A detector that knows where faces are and sees only what it is shown, and frames for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from engines.errors import BackendError
from pipeline.arrays import F32, U8
from pipeline.detection.look import Look
from pipeline.pixels import HostPixels
from pipeline.types import Faces, Frame, FrameInfo

START = datetime(2026, 1, 1, tzinfo=UTC)
Box = tuple[float, float, float, float]
"""x0 y0 x1 y1 pixels of the frame"""


def frame(image: U8, index: int, pts_s: float, camera: str = "a") -> Frame:
    """A frame of these pixels (H, W, 3)."""
    height, width = image.shape[:2]
    return Frame(FrameInfo(camera, index, pts_s, START, width, height, 0), HostPixels(image))


def background(width: int = 640, height: int = 360) -> U8:
    """A picture with contrast everywhere."""
    y, x = np.mgrid[:height, :width]
    grey = 110 + 40 * np.sin(x / 37.0) + 40 * np.cos(y / 23.0)
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def with_face(image: U8, box: Box, strength: float = 1.0) -> U8:
    """The picture with a bright patch where the face is, blended in to this part."""
    x0, y0, x1, y1 = (round(side) for side in box)
    painted = image.astype(np.float32)
    painted[y0:y1, x0:x1] += strength * (230.0 - painted[y0:y1, x0:x1])
    return painted.round().astype(np.uint8)


class KnowingDetector:
    """Finds the faces it was told of for an image, as far as they are in the patches it is shown.

    A face whose middle is in a patch and that the patch's border cuts is found with the box that is left of it.
    """

    name = "knowing"

    def __init__(self, score: float = 0.9) -> None:
        self.looks: list[Look] = []
        self.runs = 0
        self.fails = 0
        """times that it fails from now on"""
        self._score = score
        self._faces: dict[int, Sequence[Box]] = {}

    def tell(self, image: U8, boxes: Sequence[Box]) -> None:
        """These faces are in this image, which the caller keeps."""
        self._faces[id(image)] = boxes

    def look(self, looks: Sequence[Look]) -> list[Faces]:
        if self.fails:
            self.fails -= 1
            raise BackendError("broken")
        self.looks += looks
        self.runs += 1
        return [self._seen(look) for look in looks]

    @property
    def whole(self) -> list[bool]:
        """Of each look so far, whether it was at a whole frame."""
        return [not look.patches for look in self.looks]

    def _seen(self, look: Look) -> Faces:
        boxes = np.array(self._faces.get(id(look.pixels.to_host()), ()), np.float32).reshape(-1, 4)
        if look.patches:
            boxes = np.concatenate([_within(boxes, area) for area in _areas(look)])
        return Faces(
            boxes, np.zeros((len(boxes), 5, 2), np.float32), np.full(len(boxes), self._score, np.float32)
        )


def _areas(look: Look) -> F32:
    """(P, 4) patches in pixels of the frame."""
    scale = np.tile(np.asarray(look.placement.to_image, np.float32), 2)
    corners = [(p.x, p.y, p.x + p.width, p.y + p.height) for p in look.patches]
    return np.asarray(np.array(corners, np.float32) * scale, dtype=np.float32)


def _within(boxes: F32, area: F32) -> F32:
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    inside = np.all((middles >= area[:2]) & (middles < area[2:]), axis=1)
    return np.clip(boxes[inside], np.tile(area[:2], 2), np.tile(area[2:], 2))

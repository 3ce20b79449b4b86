"""CenterFace: one fully convolutional network that finds faces as points of a heat map.

Source: Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", arXiv:1911.03599. The
file is the authors' ONNX export; `Maps` has the layout of its four outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.backends.base import Engine
from pipeline.arrays import F32, I64, U8
from pipeline.detection.input_size import MULTIPLE_PX
from pipeline.detection.letterbox import Placement, place
from pipeline.detection.look import Look, Patch, input_of
from pipeline.errors import BadInputError
from pipeline.geometry import clip_boxes, non_maximum_suppression, shorter_sides
from pipeline.pixels import HostPixels
from pipeline.types import Faces

STRIDE_PX = 4
"""input pixels a cell of the heat map, in both directions"""
MIN_SIDE_PX = 1.0
"""a box cut to less than this at the frame's edge has no pixels to look at"""


@dataclass(frozen=True, slots=True)
class Maps:
    """What the network says of one image, a cell for every `STRIDE_PX` pixels of its input."""

    heat: F32
    """(h, w) score in [0, 1] that a face is centred in the cell"""
    scale: F32
    """(2, h, w) logarithm of box height, width in cells"""
    offset: F32
    """(2, h, w) y, x from the cell's middle to the box's centre, in cells"""
    landmarks: F32
    """(10, h, w) y, x of five points, in box heights and widths from the box's upper left corner"""


class CenterFace:
    """A detector that runs CenterFace on an engine which the caller has opened and closes."""

    name = "centerface"

    def __init__(self, engine: Engine, input_px: int, low_score: float, max_iou: float) -> None:
        self._engine = engine
        self._input_px = input_px
        self._low_score = low_score
        self._max_iou = max_iou

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        """Faces of images (H, W, 3) RGB, best score first, one `Faces` an image in the order given.

        Images whose network input has the same shape share a run. Raises BackendError.
        """
        return self.detect_at(images, self._input_px)

    def detect_at(self, images: Sequence[U8], input_px: int) -> list[Faces]:
        """As `detect`, with another limit for the longer side of the network's input in pixels."""
        placements = [place(image.shape[1], image.shape[0], input_px, MULTIPLE_PX) for image in images]
        return self.look(
            [Look(HostPixels(image), placed) for image, placed in zip(images, placements, strict=True)]
        )

    def look(self, looks: Sequence[Look]) -> list[Faces]:
        """See `FrameDetector`."""
        groups: dict[tuple[int, int], list[int]] = {}
        for row, each in enumerate(looks):
            groups.setdefault(each.input_shape, []).append(row)
        found: dict[int, Faces] = {}
        for rows in groups.values():
            maps = self._infer(input_of([looks[row] for row in rows]))
            for row, one in zip(rows, maps, strict=True):
                found[row] = decode_look(one, looks[row], self._low_score, self._max_iou)
        return [found[row] for row in range(len(looks))]

    def _infer(self, pixels: U8) -> list[Maps]:
        names = map_names(self._engine)
        outputs = self._engine.infer({self._engine.inputs[0].name: pixels})
        heat, scale, offset, landmarks = (outputs[name] for name in names)
        return [Maps(heat[i, 0], scale[i], offset[i], landmarks[i]) for i in range(len(pixels))]


def decode_look(maps: Maps, look: Look, low_score: float, max_iou: float) -> Faces:
    """As `decode`, of the input that was made for a look: patches are put back to where they are in the frame."""
    return decode(maps, look.placement, low_score, max_iou, look.patches)


def decode(
    maps: Maps, placed: Placement, low_score: float, max_iou: float, patches: Sequence[Patch] = ()
) -> Faces:
    """Faces in image pixels, best score first: cells over `low_score`, without those that overlap a better one.

    With patches, those of them alone: what is found between them is nowhere in the image.
    """
    y, x = np.nonzero(maps.heat > low_score)
    shift = np.zeros((len(y), 2), np.float32)  # (N, 2) y, x of input pixels to those of the scaled image
    if patches:
        owner = _owners(y, x, patches)
        y, x, owner = y[owner >= 0], x[owner >= 0], owner[owner >= 0]
        shift = np.array([(each.y - each.to_y, each.x - each.to_x) for each in patches], np.float32)[owner]
    if len(y) == 0:
        return Faces.none()
    scores = maps.heat[y, x].astype(np.float32)
    sides = np.exp(maps.scale[:, y, x].T) * STRIDE_PX  # (N, 2) height, width
    centres = (np.stack([y, x], 1) + maps.offset[:, y, x].T + 0.5) * STRIDE_PX + shift  # (N, 2) y, x
    corners = centres - sides / 2
    points = maps.landmarks[:, y, x].T.reshape(-1, 5, 2) * sides[:, None] + corners[:, None]  # y, x
    to_image = np.asarray(placed.to_image, np.float32)
    boxes = np.concatenate([corners[:, ::-1] * to_image, (corners + sides)[:, ::-1] * to_image], 1)
    boxes = clip_boxes(boxes.astype(np.float32), placed.image_width, placed.image_height)
    faces = Faces(boxes, (points[..., ::-1] * to_image).astype(np.float32), scores)
    faces = faces.take(shorter_sides(boxes) >= MIN_SIDE_PX)
    return faces.take(non_maximum_suppression(faces.boxes, faces.scores, max_iou))


def _owners(y: I64, x: I64, patches: Sequence[Patch]) -> I64:
    """The patch that each cell (N,) of the input lies in; -1 where it lies between them."""
    owner = np.full(len(y), -1, np.int64)
    for number, each in enumerate(patches):
        top, left = each.to_y // STRIDE_PX, each.to_x // STRIDE_PX
        inside = (y >= top) & (y < top + each.height // STRIDE_PX)
        inside &= (x >= left) & (x < left + each.width // STRIDE_PX)
        owner[inside] = number
    return owner


def map_names(engine: Engine) -> tuple[str, str, str, str]:
    """Names of heat map, scale, offset and landmarks: told apart by channels, scale before offset.

    Raises BadInputError where the engine has other outputs.
    """
    by_channels: dict[int | str, list[str]] = {}
    for spec in engine.outputs:
        by_channels.setdefault(spec.shape[1] if len(spec.shape) == 4 else "?", []).append(spec.name)
    if {channels: len(names) for channels, names in by_channels.items()} != {1: 1, 2: 2, 10: 1}:
        shapes = ", ".join(f"{spec.name} {spec.shape}" for spec in engine.outputs)
        raise BadInputError(
            "detection.model is not a CenterFace network, whose outputs have 1, 2, 2 and 10 channels: "
            f"name another entry of models.yaml (this one has {shapes})"
        )
    return by_channels[1][0], by_channels[2][0], by_channels[2][1], by_channels[10][0]

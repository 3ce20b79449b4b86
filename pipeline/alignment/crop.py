"""Cutting upright face crops the way the FaceNet weights were trained: a box, a margin, stretched to a square.

The recipe (davidsandberg/facenet, align_dataset_mtcnn.py): widen the box by a margin, cut it off at the image's
edge, resize it to a square without keeping its aspect ratio. No rotation: measured, similarity crops lower the
accuracy of these weights (docs/crop.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.alignment.box_fit import BoxTransform
from pipeline.arrays import F32, U8, check_array
from pipeline.pixels import HostPixels, Pixels
from pipeline.types import Faces


@dataclass(frozen=True, slots=True)
class CropRule:
    """How a detected face becomes a crop."""

    size_px: int
    """side of the square crop"""
    margin_px: float
    """image pixels added on each side of the box"""
    margin_fraction: float
    """the same as a fraction of the mean of the box's sides, on top of margin_px"""
    transform: BoxTransform | None = None
    """where to move the detector's box first; None keeps it"""

    def boxes(self, faces: Faces) -> F32:
        """The boxes (N, 4) to cut, in image pixels; they may reach over the image's edge."""
        boxes = faces.boxes if self.transform is None else self.transform.apply(faces)
        return widen(boxes, self.margin_px, self.margin_fraction)

    def cut(self, pixels: Pixels, faces: Faces) -> HostPixels:
        """Crops (N, S, S, 3) of a frame (H, W, 3), on the host."""
        return HostPixels(self.crops(pixels.to_host(), faces))

    def crops(self, image: U8, faces: Faces) -> U8:
        """Crops (N, S, S, 3) of an image (H, W, 3), colours as they are."""
        return cut(image, self.boxes(faces), self.size_px)


def widen(boxes: F32, margin_px: float, margin_fraction: float) -> F32:
    """Boxes (N, 4) with the same margin on all four sides: pixels, and a fraction of the mean of width and height.

    The recipe's margin is 16 pixels of an image in which faces are 95 to 125 pixels large, and the same on all
    sides. A fraction of the mean side keeps that shape for faces of any size.
    """
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0.0, None)
    margins = margin_px + margin_fraction * np.mean(sides, axis=1, keepdims=True)
    return np.concatenate([boxes[:, :2] - margins, boxes[:, 2:] + margins], axis=1).astype(np.float32)


def cut(image: U8, boxes: F32, size_px: int) -> U8:
    """Crops (N, S, S, 3) of boxes (N, 4), each cut off at the image's edge and stretched to a square.

    A box that lies outside the image gives its nearest pixels: a crop is always there.
    """
    check_array("image", image, np.uint8, ("H", "W", 3))
    height, width = image.shape[:2]
    crops = np.empty((len(boxes), size_px, size_px, 3), np.uint8)
    corners = np.rint(boxes).astype(np.int64)
    for crop, (x0, y0, x1, y1) in zip(crops, corners.tolist(), strict=True):
        left, top = min(max(x0, 0), width - 1), min(max(y0, 0), height - 1)
        right, bottom = min(max(x1, left + 1), width), min(max(y1, top + 1), height)
        region = image[top:bottom, left:right]
        # Bilinear reads four pixels: below half size it would skip some, so average the area there.
        shrinks = min(region.shape[:2]) > 2 * size_px
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        crop[:] = cv2.resize(region, (size_px, size_px), interpolation=how)
    return crops

"""Placing an image in a network's input: scaled down, never up, and padded to sides that the stride divides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.arrays import U8


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an image lies in the network's input: at the top left corner, the rest is black."""

    image_width: int
    """pixels"""
    image_height: int
    """pixels"""
    width: int
    """pixels of the scaled image"""
    height: int
    """pixels of the scaled image"""
    input_width: int
    """pixels, a multiple of the stride"""
    input_height: int
    """pixels, a multiple of the stride"""

    @property
    def input_shape(self) -> tuple[int, int]:
        """(height, width) of the network's input; images that share it can share a batch."""
        return self.input_height, self.input_width

    @property
    def to_image(self) -> tuple[float, float]:
        """Factors (x, y) from input pixels to image pixels; they differ a little because sides are whole."""
        return self.image_width / self.width, self.image_height / self.height


def place(image_width: int, image_height: int, longer_px: int, stride: int) -> Placement:
    """The placement of an image whose longer side may have `longer_px` pixels at most.

    >>> place(1920, 1080, 960, 32).input_shape
    (544, 960)
    """
    scale = min(1.0, longer_px / max(image_width, image_height))
    width, height = max(1, round(image_width * scale)), max(1, round(image_height * scale))
    return Placement(
        image_width, image_height, width, height, -(-width // stride) * stride, -(-height // stride) * stride
    )


def letterbox(images: Sequence[U8], placements: Sequence[Placement]) -> U8:
    """Images (H, W, 3) with one `input_shape` as network input (N, h, w, 3), in the images' colour order."""
    height, width = placements[0].input_shape
    placed = np.zeros((len(images), height, width, 3), np.uint8)
    for target, image, where in zip(placed, images, placements, strict=True):
        inside = target[: where.height, : where.width]
        if inside.shape == image.shape:
            inside[:] = image
            continue
        # Area averaging: bilinear skips source pixels below half size, which makes small faces sparkle.
        inside[:] = cv2.resize(image, (where.width, where.height), interpolation=cv2.INTER_AREA)
    return placed

"""Placing an image in a network's input: scaled down, never up, and padded to sides that the stride divides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.arrays import F32, U8


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


def to_planes(images: Sequence[U8], placements: Sequence[Placement]) -> F32:
    """Images (H, W, 3) with one `input_shape` as network input (N, 3, h, w), 0 to 255, in the images' colour order."""
    height, width = placements[0].input_shape
    planes = np.zeros((len(images), 3, height, width), np.float32)
    for target, image, placed in zip(planes, images, placements, strict=True):
        small = image
        if (placed.height, placed.width) != image.shape[:2]:
            # Area averaging: bilinear skips source pixels below half size, which makes small faces sparkle.
            size = (placed.width, placed.height)
            small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        # Splitting before widening is three times as fast as a strided copy into float planes.
        for plane, channel in zip(target, cv2.split(small), strict=True):
            plane[: placed.height, : placed.width] = channel
    return planes

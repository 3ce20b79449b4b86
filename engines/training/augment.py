"""Face crops, changed as cameras and poses change them, so that a network learns to look past it.

For training alone: what is embedded later, in validation and in the product, is never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np

from engines.arrays import U8
from engines.errors import TrainingError

CHANCES = ("mirror", "jpeg", "shrink", "blur", "erase")


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How much crops are changed; zero leaves them alone. Raises TrainingError."""

    mirror: float = 0.0
    """how often left and right change places"""
    shift: float = 0.0
    """at most so far each way, in shares of the side"""
    scale: float = 0.0
    """at most so much larger or smaller, in shares of the size"""
    brightness: float = 0.0
    """at most so much added or taken, in shares of white"""
    contrast: float = 0.0
    """at most so much stretched or flattened about the crop's mean"""
    jpeg: float = 0.0
    """how often it goes through JPEG of a quality from `jpeg_quality` to 95"""
    jpeg_quality: int = 30
    shrink: float = 0.0
    """how often it is made smaller, down to `shrink_to` of its side, and large again"""
    shrink_to: float = 0.35
    """0.35 of 160 pixels are a face of 56"""
    blur: float = 0.0
    """how often it is blurred, by a sigma up to 1 % of the side"""
    erase: float = 0.0
    """how often a rectangle of 2 to 12 % of the area becomes grey (arXiv 1708.04896)"""

    def __post_init__(self) -> None:
        for name in CHANCES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise TrainingError(f"{name} must be a chance from 0 to 1, got {getattr(self, name)}")
        for name in ("shift", "scale", "brightness", "contrast"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise TrainingError(f"{name} must be at least 0 and below 1, got {getattr(self, name)}")
        if not 1 <= self.jpeg_quality <= 95 or not 0.05 <= self.shrink_to <= 1.0:
            raise TrainingError("jpeg_quality must be from 1 to 95 and shrink_to from 0.05 to 1")

    def __str__(self) -> str:
        return " ".join(f"{each.name}={getattr(self, each.name):g}" for each in fields(self))


PLAIN = Augmentation()
"""nothing is changed"""
USUAL = Augmentation(
    mirror=0.5,
    shift=0.05,
    scale=0.08,
    brightness=0.15,
    contrast=0.25,
    jpeg=0.2,
    shrink=0.2,
    blur=0.1,
    erase=0.1,
)
"""mild: crops of the product are upright and placed to a few per cent already, so more would not be seen in use"""


def augmented(crop: U8, how: Augmentation, random: np.random.Generator) -> U8:
    """A changed copy of an RGB crop (S, S, 3); the given one stays."""
    if how == PLAIN:
        return crop
    image = _moved(crop, how, random)
    image = _lit(image, how, random)
    if random.random() < how.erase:
        image = _erased(image, random)
    side = len(image)
    if random.random() < how.shrink:
        small = max(1, round(side * random.uniform(how.shrink_to, 1.0)))
        shrunk = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.resize(shrunk, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    if random.random() < how.blur:
        sigma = random.uniform(0.002, 0.01) * side
        blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
        image = np.asarray(blurred, np.uint8)
    if random.random() < how.jpeg:
        image = _compressed(image, int(random.integers(how.jpeg_quality, 96)))
    return image


def _moved(crop: U8, how: Augmentation, random: np.random.Generator) -> U8:
    """Mirrored, shifted and scaled about the middle, in one warp; the border is continued."""
    side = len(crop)
    sign = -1.0 if random.random() < how.mirror else 1.0
    size = 1.0 + random.uniform(-how.scale, how.scale)
    shift = random.uniform(-how.shift, how.shift, 2) * side
    middle = (side - 1) / 2.0
    if sign == 1.0 and size == 1.0 and not shift.any():
        return crop
    if size == 1.0 and not shift.any():
        return np.ascontiguousarray(crop[:, ::-1])
    warp = np.array(
        [
            [sign * size, 0.0, middle - sign * size * middle + shift[0]],
            [0.0, size, middle - size * middle + shift[1]],
        ]
    )
    moved = cv2.warpAffine(crop, warp, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _lit(image: U8, how: Augmentation, random: np.random.Generator) -> U8:
    """Brighter or darker, and stretched or flattened about its mean, by a table of 256 values."""
    stretch = 1.0 + random.uniform(-how.contrast, how.contrast)
    added = 255.0 * random.uniform(-how.brightness, how.brightness)
    if stretch == 1.0 and added == 0.0:
        return image
    mean = float(image.mean())
    table = np.clip(np.rint((np.arange(256) - mean) * stretch + mean + added), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), np.uint8)


def _erased(image: U8, random: np.random.Generator) -> U8:
    """A grey rectangle somewhere."""
    side = len(image)
    area, ratio = random.uniform(0.02, 0.12) * side * side, np.exp(random.uniform(-0.7, 0.7))
    height = min(side, max(1, round(float(np.sqrt(area * ratio)))))
    width = min(side, max(1, round(float(np.sqrt(area / ratio)))))
    top = int(random.integers(0, side - height + 1))
    left = int(random.integers(0, side - width + 1))
    erased = image.copy()
    erased[top : top + height, left : left + width] = 127
    return erased


def _compressed(image: U8, quality: int) -> U8:
    """Through JPEG."""
    _, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1])

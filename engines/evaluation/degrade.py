"""Ways to spoil a photo as networks, cameras and people do, before anything looks at it.

Sizes are measured against the face region: the detector's box of the clean photo with a margin of 14 % on each
side, about what the embedder is shown. Its side is the square root of its area.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from engines.arrays import F32, F64, U8

REVISION = 1
"""raised when what a level does changes, so that what was kept of spoiled photos is described anew"""
REGION_SHARE = 1.28
"""sides of the face region against those of the box"""
GAMMA = 2.2
"""from light to stored values, near enough to sRGB's curve"""
FULL_WELL = 5_000.0
"""electrons of a white pixel in full light: a small surveillance sensor"""
READ_NOISE = 3.0
"""electrons"""
MASK_RGB = (198, 212, 222)
"""a surgical mask's pale blue"""
GLASSES_RGB = (18, 18, 20)
EYES = ((0.266, 0.384), (0.719, 0.384))
"""where eyes are in CenterFace's box, right and down: the median of 1,549 faces of lfw_dev"""
LENS_FLATNESS = 0.8
"""a lens is so much less high than wide"""

Spoil = Callable[[U8, F32, float, np.random.Generator], U8]
"""image (H, W, 3), face box (4,) x0 y0 x1 y1 pixels, level, chance -> the spoiled image; the given one stays"""


@dataclass(frozen=True, slots=True)
class Defect:
    """One way to spoil a photo, in several strengths."""

    name: str
    unit: str
    """of the levels"""
    levels: tuple[float, ...]
    """mild first"""
    spoil: Spoil


def region_side(box: F32) -> float:
    """Side of the face region in pixels."""
    return REGION_SHARE * float(np.sqrt(np.prod(box[2:] - box[:2])))


def compressed(image: U8, box: F32, level: float, chance: np.random.Generator) -> U8:
    """Through JPEG of this quality, 1 to 100."""
    _, data = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, round(level)])
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[:, :, ::-1])


def shrunk(image: U8, box: F32, level: float, chance: np.random.Generator) -> U8:
    """Made smaller until the face region's side is so many pixels; never larger."""
    scale = level / region_side(box)
    if scale >= 1.0:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def blurred(image: U8, box: F32, level: float, chance: np.random.Generator) -> U8:
    """Gaussian blur; sigma in hundredths of the face region's side."""
    sigma = level / 100.0 * region_side(box)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8)


def darkened(image: U8, box: F32, level: float, chance: np.random.Generator) -> U8:
    """So many stops less light, each half of it, and no noise: an underexposed picture in 8 bits."""
    return _stored(_light(image) * 2.0**-level)


def starved(image: U8, box: F32, level: float, chance: np.random.Generator) -> U8:
    """So many stops less light, as bright as before by the sensor's gain, which shows shot and read noise."""
    electrons = _light(image) * (FULL_WELL * 2.0**-level)
    noisy = chance.poisson(electrons) + chance.normal(0.0, READ_NOISE, electrons.shape)
    return _stored(noisy / (FULL_WELL * 2.0**-level))


def masked(image: U8, box: F32, level: float, chance: np.random.Generator) -> U8:
    """The lower part of the face box, so many hundredths of it, under one plain colour."""
    covered = image.copy()
    x0, y0, x1, y1 = box.tolist()
    top = y1 - level / 100.0 * (y1 - y0)
    corners = (round(x0), round(top)), (round(x1), round(y1))
    cv2.rectangle(covered, *corners, MASK_RGB, cv2.FILLED)
    return covered


def shaded(image: U8, box: F32, level: float, chance: np.random.Generator) -> U8:
    """Sunglasses: a dark lens before each eye, so many hundredths of the face box wide, and a bridge."""
    covered = image.copy()
    origin, sides = box[:2], box[2:] - box[:2]
    eyes = [tuple(np.rint(origin + sides * np.array(eye)).astype(int).tolist()) for eye in EYES]
    half = level / 200.0 * float(sides[0])
    for eye in eyes:
        axes = (max(1, round(half)), max(1, round(half * LENS_FLATNESS)))
        cv2.ellipse(covered, eye, axes, 0.0, 0.0, 360.0, GLASSES_RGB, cv2.FILLED)
    cv2.line(covered, eyes[0], eyes[1], GLASSES_RGB, max(1, round(half / 6)))
    return covered


def tilted(image: U8, box: F32, level: float, chance: np.random.Generator) -> U8:
    """The head turned in the picture's plane by so many degrees, about the face's middle."""
    centre = (box[:2] + box[2:]) / 2.0
    turn = cv2.getRotationMatrix2D((float(centre[0]), float(centre[1])), level, 1.0)
    size = (image.shape[1], image.shape[0])
    turned = cv2.warpAffine(image, turn, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


DEFECTS = (
    Defect("jpeg", "quality", (90, 70, 50, 30, 20, 10), compressed),
    Defect("size", "px side of the face region", (256, 160, 120, 80, 60, 40, 32, 24), shrunk),
    Defect("blur", "sigma, % of the side", (1, 1.5, 2, 3, 4), blurred),
    Defect("dark", "stops", (2, 4, 5, 6, 7), darkened),
    Defect("noise", "stops, brightened", (2, 4, 5, 6, 7), starved),
    Defect("mask", "% of the box, from below", (25, 33, 50), masked),
    Defect("sunglasses", "% of the box's width, a lens", (24, 36, 44), shaded),
    Defect("tilt", "degrees", (10, 20, 30, 45, 60), tilted),
)


def _light(image: U8) -> F64:
    """Light (H, W, 3) in [0, 1] of stored values."""
    return np.asarray((image / 255.0) ** GAMMA, np.float64)


def _stored(light: F64) -> U8:
    return np.asarray(np.rint(np.clip(light, 0.0, 1.0) ** (1.0 / GAMMA) * 255.0), np.uint8)

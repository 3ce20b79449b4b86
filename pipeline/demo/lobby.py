"""A lobby to walk through, painted by us: a wall, a door, a picture, a floor, a pillar. No photo is in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.arrays import F32, U8

MARGIN = 0.12
"""how far the painted wall reaches beyond the frame on each side, as a fraction of the frame: room for the camera"""

Colour = tuple[float, float, float]
"""RGB in [0, 255]"""

WALL: Colour = (203, 199, 188)
PANEL: Colour = (118, 134, 138)
SKIRTING: Colour = (72, 74, 76)
FLOOR: Colour = (128, 118, 108)
DOOR: Colour = (131, 96, 66)
FRAME: Colour = (94, 70, 50)
GLASS: Colour = (168, 186, 190)
STONE: Colour = (171, 166, 158)


@dataclass(frozen=True, slots=True)
class Lobby:
    """The painted surroundings, larger than the frame."""

    wall: U8
    """(H + 2 margin_y, W + 2 margin_x, 3) RGB"""
    margin_x: int
    """pixels of `wall` left of the resting frame"""
    margin_y: int
    """pixels of `wall` above the resting frame"""


def paint_lobby(width: int, height: int, seed: int) -> Lobby:
    """The surroundings of a frame of this size; the same seed gives the same pixels."""
    margin_x, margin_y = round(width * MARGIN), round(height * MARGIN)
    w, h = width + 2 * margin_x, height + 2 * margin_y
    canvas = np.empty((h, w, 3), np.float32)
    canvas[:] = WALL
    _box(canvas, (0.0, 0.56, 1.0, 0.74), PANEL)
    for k in range(1, 12):
        _box(canvas, (k / 12 - 0.0008, 0.57, k / 12 + 0.0008, 0.735), (96, 110, 114))
    _box(canvas, (0.0, 0.553, 1.0, 0.563), (150, 152, 148))
    _box(canvas, (0.0, 0.735, 1.0, 0.765), SKIRTING)
    _box(canvas, (0.0, 0.765, 1.0, 1.0), FLOOR)
    _paint_door(canvas)
    _paint_picture(canvas)
    canvas *= _lamps(w, h)[..., None]
    canvas += _plaster(w, h, seed)[..., None]
    blurred = cv2.GaussianBlur(canvas, (0, 0), max(0.5, 0.0016 * width))  # behind the plane of focus
    return Lobby(np.clip(np.rint(blurred), 0, 255).astype(np.uint8), margin_x, margin_y)


def paint_pillar(width_px: int, height_px: int) -> U8:
    """A round stone pillar (height, width, 3) RGB, lit from the left."""
    across = np.linspace(-1.0, 1.0, width_px, dtype=np.float32)
    towards = np.sqrt(np.clip(1.0 - across**2, 0.0, 1.0))
    shade = 0.42 + 0.55 * np.clip(0.83 * towards - 0.45 * across, 0.0, 1.0)
    down = np.linspace(1.06, 0.86, height_px, dtype=np.float32)
    column = np.array(STONE, np.float32) * shade[None, :, None] * down[:, None, None]
    return np.asarray(np.clip(np.rint(column), 0, 255), dtype=np.uint8)


def _box(canvas: F32, sides: tuple[float, float, float, float], colour: Colour) -> None:
    """Fill x0 y0 x1 y1, fractions of the canvas."""
    h, w = canvas.shape[:2]
    x0, y0, x1, y1 = (round(side * full) for side, full in zip(sides, (w, h, w, h), strict=True))
    canvas[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)] = colour


def _paint_door(canvas: F32) -> None:
    _box(canvas, (0.745, 0.20, 0.895, 0.765), FRAME)
    _box(canvas, (0.757, 0.22, 0.883, 0.765), DOOR)
    _box(canvas, (0.775, 0.26, 0.865, 0.46), (112, 80, 54))
    _box(canvas, (0.780, 0.27, 0.860, 0.45), GLASS)
    _box(canvas, (0.775, 0.52, 0.865, 0.72), (120, 87, 59))
    _box(canvas, (0.763, 0.49, 0.771, 0.52), (196, 190, 172))


def _paint_picture(canvas: F32) -> None:
    _box(canvas, (0.235, 0.20, 0.405, 0.43), (58, 52, 48))
    _box(canvas, (0.243, 0.214, 0.397, 0.416), (226, 221, 208))
    _box(canvas, (0.262, 0.248, 0.378, 0.382), (148, 176, 190))
    _box(canvas, (0.262, 0.325, 0.378, 0.382), (116, 138, 96))
    _box(canvas, (0.262, 0.352, 0.318, 0.382), (166, 148, 96))


def _lamps(w: int, h: int) -> F32:
    """Brightness (h, w): pools of light below three lamps, darker corners, and a floor that reflects them."""
    x = np.linspace(0.0, 1.0, w, dtype=np.float32)[None, :]
    y = np.linspace(0.0, 1.0, h, dtype=np.float32)[:, None]
    light = 0.86 - 0.14 * y + np.zeros_like(x)
    for lamp in (0.18, 0.52, 0.86):
        light = light + 0.26 * np.exp(-(((x - lamp) / 0.13) ** 2) - ((y - 0.05) / 0.5) ** 2)
        light = light + 0.20 * np.exp(-(((x - lamp) / 0.09) ** 2) - ((y - 0.95) / 0.12) ** 2)
    corners = 1.0 - 0.22 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)
    return np.asarray(light * corners, dtype=np.float32)


def _plaster(w: int, h: int, seed: int) -> F32:
    """Unevenness of the wall (h, w), a few grey levels, in patches of about 1/60 of the width."""
    rough = np.random.default_rng(seed).normal(0.0, 1.3, (max(2, h // (w // 60 or 1)), 60)).astype(np.float32)
    return np.asarray(cv2.resize(rough, (w, h), interpolation=cv2.INTER_CUBIC), dtype=np.float32)

"""What covers faces, painted into photos: masks, glasses, hands, door frames, heads in front.

Each kind decides by a seeded generator where it lies and what it looks like. Nothing here was drawn from photos
of real occlusion: the kinds left out of a fit tell how much that matters (benchmarks/occlusion.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.arrays import F32, F64, U8

MASK_COLOURS = ((60, 110, 190), (230, 230, 235), (25, 25, 28), (150, 190, 220))
"""medical masks and black cloth, RGB"""


@dataclass(frozen=True, slots=True)
class Sitter:
    """A photo (H, W, 3) RGB and the face it is of."""

    image: U8
    box: F32
    """(4,) x0 y0 x1 y1 pixels"""
    landmarks: F32
    """(5, 2)"""


@dataclass(frozen=True, slots=True)
class Cover:
    """Something in front of a photo of (H, W)."""

    where: U8
    """(H, W) 255 where it is"""
    looks: U8
    """(H, W, 3)"""


Occluder = Callable[[Sitter, Sitter, np.random.Generator], Cover]
"""the face to cover, somebody else's photo to take patterns from, chance"""


def covered(sitter: Sitter, other: Sitter, kind: str, chance: np.random.Generator) -> U8:
    """The photo (H, W, 3) with a cover of this kind, its edge softened as a lens does."""
    cover = OCCLUDERS[kind](sitter, other, chance)
    soft = cv2.GaussianBlur(cover.where, (0, 0), chance.uniform(0.5, 1.5))[..., None] / 255.0
    return np.asarray(np.clip(sitter.image * (1 - soft) + cover.looks * soft, 0, 255), np.uint8)


def _mask(sitter: Sitter, other: Sitter, chance: np.random.Generator) -> Cover:
    """Cloth from the bridge of the nose to below the chin."""
    x0, y0, x1, y1 = sitter.box.tolist()
    width, height = x1 - x0, y1 - y0
    nose, eyes = sitter.landmarks[2], sitter.landmarks[:2].mean(axis=0)
    middle, top = (nose + (eyes - nose) * chance.uniform(0.0, 0.5)).tolist()
    left, right = (top + chance.uniform(0, 0.1) * height for _ in range(2))
    outline = [
        *((x0 - 0.1 * width, left), (middle, top), (x1 + 0.1 * width, right)),
        *((x1 + 0.05 * width, y1), (middle, y1 + 0.15 * height), (x0 - 0.05 * width, y1)),
    ]
    known = np.array(MASK_COLOURS[chance.integers(len(MASK_COLOURS))], np.float64)
    return Cover(
        _polygon(sitter, outline), _plain(sitter, chance, known if chance.random() < 0.5 else _any(chance))
    )


def _side(sitter: Sitter, other: Sitter, chance: np.random.Generator) -> Cover:
    """A door frame or a wall: all of the photo from one side up to some way into the face."""
    x0, _, x1, _ = sitter.box.tolist()
    reach = round(chance.uniform(0.3, 0.6) * (x1 - x0))
    where = _nowhere(sitter)
    if chance.random() < 0.5:
        where[:, : max(0, int(x0) + reach)] = 255
    else:
        where[:, max(0, int(x1) - reach) :] = 255
    return Cover(where, _plain_or_pattern(sitter, other, chance))


def _top(sitter: Sitter, other: Sitter, chance: np.random.Generator) -> Cover:
    """A brim, or hair over the brows."""
    _, y0, _, y1 = sitter.box.tolist()
    where = _nowhere(sitter)
    where[: max(0, int(y0 + chance.uniform(0.25, 0.45) * (y1 - y0)))] = 255
    return Cover(where, _plain_or_pattern(sitter, other, chance))


def _eyes(sitter: Sitter, other: Sitter, chance: np.random.Generator) -> Cover:
    """Sunglasses, or a bar of any colour."""
    first, second = sitter.landmarks[:2]
    between = float(np.linalg.norm(second - first))
    where = _nowhere(sitter)
    if chance.random() < 0.5:
        axes = (int(between * chance.uniform(0.28, 0.42)), int(between * chance.uniform(0.2, 0.36)))
        for eye in (first, second):
            cv2.ellipse(where, _pixel(eye), axes, 0, 0, 360, 255, -1)
        cv2.line(where, _pixel(first), _pixel(second), 255, max(1, int(between * 0.06)))
        return Cover(where, _plain(sitter, chance, np.full(3, chance.uniform(5, 60))))
    reach = between * chance.uniform(0.2, 0.4)
    x0, _, x1, _ = sitter.box.tolist()
    left, right = float(first[1]), float(second[1])
    outline = [(x0, left - reach), (x1, right - reach), (x1, right + reach), (x0, left + reach)]
    return Cover(_polygon(sitter, outline), _plain(sitter, chance, _any(chance)))


def _hand(sitter: Sitter, other: Sitter, chance: np.random.Generator) -> Cover:
    """The colour of the cheek, shaped as a palm and up to three fingers."""
    x0, y0, x1, y1 = sitter.box.tolist()
    width = x1 - x0
    cheek = _pixel((sitter.landmarks[2] + sitter.landmarks[4]) / 2)
    near = sitter.image[max(0, cheek[1] - 4) : cheek[1] + 5, max(0, cheek[0] - 4) : cheek[0] + 5]
    skin = (near.reshape(-1, 3).mean(axis=0) if near.size else _any(chance)) * chance.uniform(0.75, 1.2)
    palm = (int(chance.uniform(x0, x1)), int(chance.uniform(0.6 * y0 + 0.4 * y1, y1)))
    turn = chance.uniform(0, 180)
    where = _nowhere(sitter)
    axes = (int(width * chance.uniform(0.3, 0.6)), int(width * chance.uniform(0.18, 0.3)))
    cv2.ellipse(where, palm, axes, turn, 0, 360, 255, -1)
    for _ in range(int(chance.integers(0, 4))):
        angle, length = np.radians(turn + chance.uniform(-30, 30)), width * chance.uniform(0.4, 0.8)
        tip = (int(palm[0] + length * np.cos(angle)), int(palm[1] + length * np.sin(angle)))
        cv2.line(where, palm, tip, 255, max(1, int(width * chance.uniform(0.1, 0.16))))
    return Cover(where, _plain(sitter, chance, skin))


def _plain_patch(sitter: Sitter, other: Sitter, chance: np.random.Generator) -> Cover:
    """A rectangle of one colour."""
    return Cover(_patch(sitter, chance), _plain(sitter, chance, _any(chance)))


def _pattern_patch(sitter: Sitter, other: Sitter, chance: np.random.Generator) -> Cover:
    """A rectangle of somebody else's background."""
    return Cover(_patch(sitter, chance), _pattern(sitter, other, chance))


def _noise_patch(sitter: Sitter, other: Sitter, chance: np.random.Generator) -> Cover:
    """A rectangle of coloured noise, fine or coarse."""
    height, width = sitter.image.shape[:2]
    grain = int(chance.choice([1, 2, 4, 8]))
    shape = (height // grain + 1, width // grain + 1, 3)
    noise = np.clip(chance.normal(chance.uniform(60, 200), chance.uniform(20, 60), shape), 0, 255)
    return Cover(
        _patch(sitter, chance), np.asarray(cv2.resize(noise.astype(np.uint8), (width, height)), np.uint8)
    )


def _head(sitter: Sitter, other: Sitter, chance: np.random.Generator) -> Cover:
    """Somebody else's head in front, left or right."""
    x0, y0, x1, y1 = sitter.box.tolist()
    a0, b0, a1, b1 = np.clip(np.rint(other.box + np.array([-10, -10, 10, 10])), 0, None).astype(int).tolist()
    head = other.image[b0:b1, a0:a1]
    zoom = chance.uniform(0.6, 1.0) * (x1 - x0) / max(1, head.shape[1])
    head = np.asarray(cv2.resize(head, None, fx=zoom, fy=zoom), np.uint8)
    middle = x0 + (x1 - x0) * (chance.choice([0.1, 0.9]) + chance.uniform(-0.1, 0.1))
    left, top = int(middle - head.shape[1] / 2), int(y0 + (y1 - y0) * chance.uniform(0.2, 0.6))
    shift = np.array([[1, 0, left], [0, 1, top]], np.float64)
    height, width = sitter.image.shape[:2]
    looks = cv2.warpAffine(head, shift, (width, height), borderMode=cv2.BORDER_REPLICATE)
    where = _nowhere(sitter)
    centre = (left + head.shape[1] // 2, top + head.shape[0] // 2)
    cv2.ellipse(where, centre, (head.shape[1] // 2, head.shape[0] // 2), 0, 0, 360, 255, -1)
    return Cover(where, np.asarray(looks, np.uint8))


OCCLUDERS: Mapping[str, Occluder] = {
    "mask": _mask,
    "side": _side,
    "top": _top,
    "eyes": _eyes,
    "hand": _hand,
    "plain patch": _plain_patch,
    "pattern patch": _pattern_patch,
    "noise patch": _noise_patch,
    "head": _head,
}


def _patch(sitter: Sitter, chance: np.random.Generator) -> U8:
    """A rectangle somewhere on the face, turned a little."""
    x0, y0, x1, y1 = sitter.box.tolist()
    width, height = x1 - x0, y1 - y0
    centre = (chance.uniform(x0 + 0.1 * width, x1 - 0.1 * width), chance.uniform(y0 + 0.15 * height, y1))
    size = (chance.uniform(0.3, 0.8) * width, chance.uniform(0.25, 0.7) * height)
    corners = cv2.boxPoints((centre, size, chance.uniform(-30, 30)))
    return _polygon(sitter, [(float(x), float(y)) for x, y in corners])


def _plain_or_pattern(sitter: Sitter, other: Sitter, chance: np.random.Generator) -> U8:
    if chance.random() < 0.5:
        return _plain(sitter, chance, _any(chance))
    return _pattern(sitter, other, chance)


def _plain(sitter: Sitter, chance: np.random.Generator, colour: F64) -> U8:
    """One colour, lit from one side, with a little noise."""
    height, width = sitter.image.shape[:2]
    across, down = np.linspace(-1, 1, width)[None, :, None], np.linspace(-1, 1, height)[:, None, None]
    lit = colour + across * chance.uniform(-30, 30) + down * chance.uniform(-30, 30)
    return np.asarray(
        np.clip(lit + chance.normal(0, chance.uniform(1, 6), (height, width, 3)), 0, 255), np.uint8
    )


def _pattern(sitter: Sitter, other: Sitter, chance: np.random.Generator) -> U8:
    """A corner of the other photo, where its background is, made as large as this photo."""
    height, width = other.image.shape[:2]
    tall, wide = max(8, height // 4), max(8, width // 4)
    y, x = int(chance.choice([0, max(0, height - tall)])), int(chance.choice([0, max(0, width - wide)]))
    corner = other.image[y : y + tall, x : x + wide]
    return np.asarray(cv2.resize(corner, (sitter.image.shape[1], sitter.image.shape[0])), np.uint8)


def _any(chance: np.random.Generator) -> F64:
    return chance.uniform(0, 255, 3)


def _nowhere(sitter: Sitter) -> U8:
    return np.zeros(sitter.image.shape[:2], np.uint8)


def _polygon(sitter: Sitter, outline: list[tuple[float, float]]) -> U8:
    where = _nowhere(sitter)
    cv2.fillPoly(where, [np.rint(outline).astype(np.int32)], 255)
    return where


def _pixel(point: F32) -> tuple[int, int]:
    return int(point[0]), int(point[1])

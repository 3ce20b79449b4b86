"""Faces of people who do not exist, painted: enough to train and to try a network without anybody's photo.

A person is a code of numbers that decides colours, shapes and proportions. A photo of a person adds what is not the
person: turn, size and place, where the head looks, the mouth, the light and its side, the background, noise. Everything
follows from the seed, the person's number and the photo's.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.arrays import F32, F64, I64, U8
from engines.training.augment import PLAIN, Augmentation
from engines.training.sources import CropSource

SIDE_PX = 32
CANVAS_PX = 128
"""painted so large and shrunk, which rounds every edge"""
PERSON, PHOTO = 0, 1

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticFaces:
    """Painted photos of painted people."""

    crops: U8
    """(N, S, S, 3) RGB"""
    people: I64
    """(N,) rising"""

    def source(self, augmentation: Augmentation = PLAIN) -> CropSource:
        """What the training loop takes."""
        return CropSource(self.crops, self.people, self.crops.shape[1], augmentation)


@dataclass(frozen=True, slots=True)
class Person:
    """What stays the same from photo to photo; lengths are in shares of the canvas."""

    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    width: float
    """half axis of the face"""
    height: float
    fringe: float
    """how far the hair comes down the face"""
    side_hair: float
    """how far it goes beside it"""
    eyes_apart: float
    """of the middle of the face"""
    eye_size: float
    eye_height: float
    """above the middle of the face"""
    brow_tilt: float
    brow_weight: float
    nose: float
    mouth_width: float
    mouth_height: float
    """below the middle of the face"""
    beard: float
    """0 to 1: how much of the lower face is of the hair's colour"""
    glasses: bool


@dataclass(frozen=True, slots=True)
class Occasion:
    """What differs from photo to photo."""

    turn_degrees: float
    size: float
    shift: tuple[float, float]
    look: tuple[float, float]
    """where eyes, nose and mouth are moved to as the head turns"""
    mouth_open: float
    light: float
    light_from: tuple[float, float]
    """how much brighter the right side and the lower side are"""
    background: Colour
    noise: float


def synthetic_faces(
    people: int, photos: int, *, side_px: int = SIDE_PX, first: int = 0, seed: int = 0
) -> SyntheticFaces:
    """So many photos of each of so many people.

    Args:
        first: number of the first person; people of other numbers are other people, in any call of one seed.
        seed: another one paints other people.
    """
    crops = np.empty((people * photos, side_px, side_px, 3), np.uint8)
    for row in range(len(crops)):
        number, photo = first + row // photos, row % photos
        person = _person(np.random.default_rng((seed, PERSON, number)))
        random = np.random.default_rng((seed, PHOTO, number, photo))
        crops[row] = _photographed(person, _occasion(random), side_px, random)
    return SyntheticFaces(crops, np.repeat(np.arange(first, first + people, dtype=np.int64), photos))


def _person(random: np.random.Generator) -> Person:
    """Ranges are such that faces look like faces, and two people alike in one thing differ in others."""
    tone = random.uniform(0.3, 1.0)
    skin = np.array([235, 195, 165]) * tone + random.uniform(-18, 18, 3)
    hair = random.uniform(0.1, 0.9) * np.array([230, 180, 120]) + random.uniform(-25, 25, 3)
    return Person(
        skin=_colour(skin),
        hair=_colour(hair),
        iris=_colour(random.uniform(20, 170, 3)),
        lips=_colour(skin * [0.9, 0.5, 0.5] + random.uniform(-25, 25, 3)),
        width=random.uniform(0.24, 0.36),
        height=random.uniform(0.36, 0.46),
        fringe=random.uniform(0.0, 0.16),
        side_hair=random.uniform(-0.1, 0.4),
        eyes_apart=random.uniform(0.10, 0.17),
        eye_size=random.uniform(0.025, 0.05),
        eye_height=random.uniform(0.02, 0.12),
        brow_tilt=random.uniform(-0.03, 0.03),
        brow_weight=random.uniform(0.008, 0.03),
        nose=random.uniform(0.06, 0.16),
        mouth_width=random.uniform(0.06, 0.15),
        mouth_height=random.uniform(0.16, 0.24),
        beard=max(0.0, random.uniform(-1.0, 1.0)),
        glasses=bool(random.random() < 0.2),
    )


def _occasion(random: np.random.Generator) -> Occasion:
    return Occasion(
        turn_degrees=random.normal(0.0, 5.0),
        size=random.uniform(0.92, 1.08),
        shift=(random.normal(0.0, 0.025), random.normal(0.0, 0.025)),
        look=(random.normal(0.0, 0.02), random.normal(0.0, 0.015)),
        mouth_open=max(0.0, random.normal(0.0, 0.02)),
        light=random.uniform(0.65, 1.25),
        light_from=(random.normal(0.0, 0.25), random.normal(0.0, 0.15)),
        background=_colour(random.uniform(20, 235, 3)),
        noise=random.uniform(2.0, 10.0),
    )


def _photographed(person: Person, occasion: Occasion, side_px: int, random: np.random.Generator) -> U8:
    """A painted face under this light, through this camera: (side_px, side_px, 3)."""
    painted = _painted(person, occasion)
    middle = (CANVAS_PX - 1) / 2.0
    warp = cv2.getRotationMatrix2D((middle, middle), occasion.turn_degrees, occasion.size)
    warp[:, 2] += np.array(occasion.shift) * CANVAS_PX
    moved = cv2.warpAffine(painted, warp, (CANVAS_PX, CANVAS_PX), borderValue=occasion.background)
    small = np.asarray(cv2.resize(moved, (side_px, side_px), interpolation=cv2.INTER_AREA), np.float64)
    lit = small * _light(occasion, side_px) + random.normal(0.0, occasion.noise, small.shape)
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)


def _light(occasion: Occasion, side_px: int) -> F64:
    """(S, S, 1) what each pixel is multiplied by."""
    ramp = np.linspace(-0.5, 0.5, side_px)
    right, below = occasion.light_from
    return (occasion.light * (1.0 + right * ramp[None, :] + below * ramp[:, None]))[:, :, None]


def _painted(person: Person, occasion: Occasion) -> U8:
    """The face, upright, on the canvas: hair behind, face, beard, fringe, then what moves as the head turns."""
    image = np.full((CANVAS_PX, CANVAS_PX, 3), occasion.background, np.uint8)
    middle = np.array([0.5, 0.52])
    width, height = person.width, person.height
    _ellipse(image, _beside(middle, below=-0.04), (width + 0.05, height + 0.03), person.hair)
    if person.side_hair > 0.0:
        for edge in (-width - 0.01, width + 0.01):
            begin, end = _beside(middle, edge, -0.1), _beside(middle, edge, person.side_hair)
            _line(image, begin, end, 0.08, person.hair)
    _ellipse(image, middle, (width, height), person.skin)
    if person.beard > 0.0:
        mixed = person.beard * np.array(person.hair) + (1.0 - person.beard) * np.array(person.skin)
        _ellipse(image, middle, (width, height), _colour(mixed), (20, 160))
    if person.fringe > 0.02:
        fringe = _beside(middle, below=person.fringe / 2 - height)
        _ellipse(image, fringe, (width * 0.9, person.fringe), person.hair)
    centre = _beside(middle, *occasion.look)
    _eyes(image, person, centre)
    tip = _beside(centre, below=person.nose)
    shade = _colour(0.75 * np.array(person.skin))
    _line(image, centre, tip, 0.018, shade)
    _line(image, _beside(tip, -person.nose / 4), _beside(tip, person.nose / 4), 0.018, shade)
    mouth = _beside(centre, below=person.mouth_height)
    _ellipse(image, mouth, (person.mouth_width, 0.018 + occasion.mouth_open), person.lips)
    return image


def _eyes(image: U8, person: Person, centre: F64) -> None:
    size = person.eye_size
    for side in (-1.0, 1.0):
        eye = _beside(centre, side * person.eyes_apart, -person.eye_height)
        _ellipse(image, eye, (1.4 * size, 0.8 * size), (235, 235, 235))
        _ellipse(image, eye, (0.7 * size, 0.7 * size), person.iris)
        half = side * 1.5 * size
        inner = _beside(eye, -half, -2.0 * size)
        outer = _beside(eye, half, person.brow_tilt - 2.0 * size)
        _line(image, inner, outer, person.brow_weight, person.hair)
        if person.glasses:
            _ellipse(image, eye, (2.0 * size, 1.6 * size), (25, 25, 25), filled=False)


def _beside(point: F64, right: float = 0.0, below: float = 0.0) -> F64:
    """Another point, in shares of the canvas."""
    moved: F64 = point + np.array((right, below))
    return moved


def _ellipse(
    image: U8,
    centre: F64,
    axes: tuple[float, float],
    colour: Colour,
    degrees: tuple[float, float] = (0.0, 360.0),
    *,
    filled: bool = True,
) -> None:
    """Half axes in shares of the canvas; degrees run from the right over below to the left."""
    cv2.ellipse(
        image, _at(centre), _at(np.array(axes)), 0.0, *degrees, colour, -1 if filled else 3, cv2.LINE_AA
    )


def _line(image: U8, begin: F64, end: F64, weight: float, colour: Colour) -> None:
    cv2.line(image, _at(begin), _at(end), colour, max(1, round(weight * CANVAS_PX)), cv2.LINE_AA)


def _at(point: F64) -> tuple[int, int]:
    x, y = np.rint(point * CANVAS_PX)
    return int(x), int(y)


def _colour(values: F64 | F32) -> Colour:
    red, green, blue = np.clip(np.rint(values), 0, 255)
    return int(red), int(green), int(blue)

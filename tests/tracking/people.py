"""Simulated people who walk before a camera, as an imperfect detector would see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32, F64, I64, Bools
from pipeline.types import Faces

WIDTH, HEIGHT = 1280, 720
"""pixels"""
LOOK_S = 0.1
HIDDEN_SHARE = 0.4
"""a face is not found once a nearer one covers this much of it"""


def faces_of(boxes: object, scores: object = None) -> Faces:
    """Faces at these boxes (N, 4), with landmarks at fixed places in them; scores are 0.9 unless given."""
    array = np.asarray(boxes, np.float32).reshape(-1, 4)
    sides = (array[:, 2:] - array[:, :2])[:, None]
    places = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
    strength = np.full(len(array), 0.9, np.float32) if scores is None else np.asarray(scores, np.float32)
    return Faces(array, (array[:, None, :2] + places * sides).astype(np.float32), strength)


@dataclass(frozen=True)
class Look:
    """What the detector finds at one time, and who it really is."""

    pts_s: float
    faces: Faces
    people: I64
    """(N,)"""


def walkers(seed: int, count: int, speed: float, pan: float = 0.0, seconds: float = 8.0) -> Iterator[Look]:
    """People who walk left or right at up to `speed` box heights a second and turn round outside the frame.

    The camera swings by `pan` frame widths a second. One face in twenty is missed, one in ten found weakly, and
    boxes are off by 3 % of their height.
    """
    rng = np.random.default_rng(seed)
    height = rng.uniform(40, 100, count)
    y = rng.uniform(200, 500, count)
    x = rng.uniform(0, WIDTH, count)
    velocity = rng.uniform(0.3, 1, count) * speed * height * rng.choice([-1, 1], count)
    shift = 0.0
    for look in range(int(seconds / LOOK_S)):
        x = x + velocity * LOOK_S
        shift += pan * WIDTH * LOOK_S * np.sin(2 * look * LOOK_S)
        velocity = np.where((x < -100) | (x > WIDTH + 100), -velocity, velocity)
        middle = x + shift
        boxes = np.stack(
            [middle - 0.37 * height, y - height / 2, middle + 0.37 * height, y + height / 2], axis=1
        )
        seen = (boxes[:, 0] > -10) & (boxes[:, 2] < WIDTH + 10) & ~_hidden(boxes, height)
        people = np.flatnonzero(seen & (rng.random(count) >= 0.05))
        found = boxes[people] + rng.normal(0, 0.03, (len(people), 4)) * height[people, None]
        scores = np.where(rng.random(len(people)) < 0.1, 0.4, 0.8)
        clipped: F32 = np.clip(found, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT]).astype(np.float32)
        yield Look(look * LOOK_S, faces_of(clipped, scores), people.astype(np.int64))


def _hidden(boxes: F64, height: F64) -> Bools:
    hidden = np.zeros(len(boxes), np.bool_)
    for row, box in enumerate(boxes):
        low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
        share = np.clip(high - low, 0, None).prod(axis=1) / (box[2:] - box[:2]).prod()
        hidden[row] = bool(np.any((height > height[row]) & (share > HIDDEN_SHARE)))
    return hidden

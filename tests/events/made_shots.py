"""Shots of painted faces, for tests of pictures."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import numpy as np

from pipeline.arrays import U8
from pipeline.events.pictures.shots import Shot, Still
from pipeline.gallery.keeping.picture_about import About
from pipeline.pixels import HostPixels, Pixels
from pipeline.types import FrameInfo

BEGUN = datetime(2026, 5, 1, 9, tzinfo=UTC)
BOX = np.array([20, 10, 40, 34], np.float32)


def info(index: int = 0, camera: str = "door", width: int = 96, height: int = 64) -> FrameInfo:
    return FrameInfo(
        camera, index, index / 10, BEGUN + timedelta(seconds=index / 10), width, height, index + 1
    )


def noise(seed: int, width: int = 96, height: int = 64) -> U8:
    """A picture that no other is like."""
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def shot(index: int = 0, quality: float = 0.5, pixels: Pixels | None = None, camera: str = "door") -> Shot:
    """A shot of frame `index`, a still of its own."""
    still = Still(info(index, camera), HostPixels(noise(index)) if pixels is None else pixels)
    return Shot(still, BOX, quality)


def about(one: Shot, number: int = 1) -> About:
    seen = one.still.info
    box = (0.2, 0.15, 0.42, 0.53)
    return About(
        seen.camera, f"{seen.camera}:k3f9:{number}", seen.at, seen.index, seen.pts_s, one.quality, box
    )


class HeldPixels:
    """Pixels that nobody gets before they are let go: whoever asks stands still until then."""

    def __init__(self, seed: int = 0) -> None:
        self.asked = threading.Event()
        self.free = threading.Event()
        self._array = noise(seed)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    def to_host(self) -> U8:
        self.asked.set()
        assert self.free.wait(10.0)
        return self._array

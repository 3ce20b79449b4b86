"""A camera that films coloured rectangles, so that a test knows who is where in every frame."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from pipeline.arrays import U8
from pipeline.capture.pacing import Pacer
from pipeline.capture.source import SourceInfo
from pipeline.clock import Clock, SystemClock
from pipeline.errors import BrokenRecordingError, SourceError
from pipeline.pixels import LazyPixels
from pipeline.types import Frame, FrameInfo

Colour = tuple[int, int, int]
"""red, green, blue, 0 to 255"""


@dataclass(frozen=True, slots=True)
class Actor:
    """A rectangle of one colour that moves in a straight line while it is there."""

    colour: Colour
    box: tuple[float, float, float, float]
    """x0 y0 x1 y1 pixels at `from_s`, far edge exclusive"""
    velocity_px_s: tuple[float, float] = (0.0, 0.0)
    """to the right and down"""
    from_s: float = 0.0
    to_s: float = float("inf")
    """no longer there at this second"""

    def box_at(self, second: float) -> tuple[float, float, float, float] | None:
        """Where the actor is at this second, also beyond the frame's edges; None while it is not there."""
        if not self.from_s <= second < self.to_s:
            return None
        dx, dy = (speed * (second - self.from_s) for speed in self.velocity_px_s)
        x0, y0, x1, y1 = self.box
        return x0 + dx, y0 + dy, x1 + dx, y1 + dy


@dataclass(frozen=True, slots=True)
class Appearance:
    """An actor in one frame."""

    actor: int
    """place in `SyntheticScene.actors`"""
    colour: Colour
    box: tuple[int, int, int, int]
    """x0 y0 x1 y1 whole pixels of the frame, cut to it, far edge exclusive; exactly what is painted"""


@dataclass(frozen=True, slots=True)
class SyntheticScene:
    """What is filmed: actors before a plain background, later ones in front."""

    actors: tuple[Actor, ...] = ()
    frames: int = 50
    rate_hz: float = 25.0
    width: int = 320
    height: int = 240
    background: Colour = (0, 0, 0)

    def appearances(self, index: int) -> tuple[Appearance, ...]:
        """Who is within frame `index`, and where; also those hidden behind others."""
        found = []
        limits = (self.width, self.height, self.width, self.height)
        for row, actor in enumerate(self.actors):
            exact = actor.box_at(index / self.rate_hz)
            if exact is None:
                continue
            x0, y0, x1, y1 = (
                min(max(round(edge), 0), limit) for edge, limit in zip(exact, limits, strict=True)
            )
            if x0 < x1 and y0 < y1:
                found.append(Appearance(row, actor.colour, (x0, y0, x1, y1)))
        return tuple(found)

    def draw(self, index: int) -> U8:
        """Frame `index`, (H, W, 3) RGB."""
        picture = np.empty((self.height, self.width, 3), np.uint8)
        picture[:] = self.background
        for appearance in self.appearances(index):
            x0, y0, x1, y1 = appearance.box
            picture[y0:y1, x0:x1] = appearance.colour
        return picture


class SyntheticSource:
    """A scene as a source; see `Source` for what it promises. For tests and benchmarks."""

    def __init__(
        self,
        scene: SyntheticScene,
        camera: str,
        *,
        started_at: datetime = datetime(1970, 1, 1, tzinfo=UTC),
        breaks_after: int | None = None,
        refuses: bool = False,
        realtime: bool = False,
        clock: Clock | None = None,
    ) -> None:
        """
        Args:
            scene: what is filmed.
            camera: name that frames carry.
            started_at: UTC moment of the first frame.
            breaks_after: frames after which the recording breaks off.
            refuses: cannot be opened.
            realtime: hold frames back until their time has come.
            clock: what `realtime` waits by.
        """
        self.scene = scene
        self._camera = camera
        self._started_at = started_at
        self._breaks_after = breaks_after
        self._refuses = refuses
        self._closed = threading.Event()
        self._pacer = Pacer(clock or SystemClock(), self._closed) if realtime else None

    @property
    def camera(self) -> str:
        return self._camera

    def open(self) -> SourceInfo:
        """What the scene says.

        Raises:
            SourceError: the source was made to refuse, or the scene has no frames.
        """
        if self._refuses or self.scene.frames < 1:
            raise SourceError(f"{self._camera}: has no frames; give the scene some")
        return SourceInfo(
            width=self.scene.width,
            height=self.scene.height,
            rate_from_header_hz=self.scene.rate_hz,
            duration_from_header_s=self.scene.frames / self.scene.rate_hz,
            started_at=self._started_at,
            recording_id=hashlib.sha256(repr(self.scene).encode()).hexdigest()[:12],
            codec="synthetic",
            container="synthetic",
        )

    def frames(self) -> Iterator[Frame]:
        """Every frame of the scene.

        Raises:
            BrokenRecordingError: after `breaks_after` frames.
        """
        for index in range(self.scene.frames):
            if index == self._breaks_after:
                raise BrokenRecordingError(
                    f"{self._camera}: breaks off after frame {index - 1} at {(index - 1) / self.scene.rate_hz:.2f} s, "
                    "as it was asked to; what came before was used"
                )
            if self._pacer is not None:
                self._pacer.hold(index / self.scene.rate_hz)
            if self._closed.is_set():
                return
            yield self._frame(index)

    def close(self) -> None:
        """End `frames`."""
        self._closed.set()

    def _frame(self, index: int) -> Frame:
        scene, pts_s = self.scene, index / self.scene.rate_hz
        info = FrameInfo(
            camera=self._camera,
            index=index,
            pts_s=pts_s,
            at=self._started_at + timedelta(seconds=pts_s),
            width=scene.width,
            height=scene.height,
            captured_ns=time.monotonic_ns(),
        )
        return Frame(info, LazyPixels((scene.height, scene.width, 3), lambda: scene.draw(index)))


def random_scene(seed: int, actors: int = 3, frames: int = 100) -> SyntheticScene:
    """A scene of bright actors that come and go, the same for the same seed."""
    chance = np.random.default_rng(seed)
    length_s = frames / 25.0
    cast = []
    for _ in range(actors):
        red, green, blue = chance.integers(64, 256, 3).tolist()
        x, y = chance.uniform((0, 0), (240, 160)).tolist()
        side = float(chance.uniform(30, 80))
        enters, stays = chance.uniform((0, length_s / 4), (length_s / 2, length_s)).tolist()
        vx, vy = chance.uniform(-40, 40, 2).tolist()
        cast.append(Actor((red, green, blue), (x, y, x + side, y + side), (vx, vy), enters, enters + stays))
    return SyntheticScene(tuple(cast), frames)

"""Parts of a whole pipeline that fail by chance, and a camera that comes and goes."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pipeline.arrays import F32, I64, U8
from pipeline.capture.synthetic import SyntheticScene, SyntheticSource
from pipeline.detection.look import Detector
from pipeline.events.event import IdentityEvent
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.memory.answer import EVERYBODY, Answer
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.types import Faces, Frame, GalleryState, StreamEnd
from tests.colour_people import judge


class Chance:
    """Raises now and then, while it is on; the same times for the same seed and order of calls."""

    def __init__(self, seed: int, rate: float) -> None:
        self.raised = 0
        self.on = True
        self._rate = rate
        self._random = random.Random(seed)

    def meet(self) -> None:
        """Raise, perhaps."""
        if self.on and self._random.random() < self._rate:
            self.raised += 1
            raise RuntimeError("by chance")


class UnsureDetector:
    """A detector that fails by chance."""

    def __init__(self, detector: Detector, chance: Chance) -> None:
        self.name = detector.name
        self._detector = detector
        self._chance = chance

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        self._chance.meet()
        return self._detector.detect(images)


class UnsureJudge:
    """A judge of quality that fails by chance."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    def __call__(self, crops: U8, faces: Faces) -> F32:
        self._chance.meet()
        return judge(crops, faces)


class UnsureSink(MemorySink):
    """A sink that fails by chance, with all of its events untold."""

    def __init__(self, chance: Chance) -> None:
        super().__init__()
        self._chance = chance

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        self._chance.meet()
        super().publish(events)


class UnsureGallery:
    """A gallery whose searches fail by chance."""

    def __init__(self, gallery: PinnedGallery, chance: Chance) -> None:
        self._gallery = gallery
        self._chance = chance

    @property
    def state(self) -> GalleryState:
        return self._gallery.state

    def answer(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> Answer:
        self._chance.meet()
        return self._gallery.answer(probes, count, near=near, watchlists=watchlists)


class RoundsSource:
    """A camera that plays a scene in real time, so many times, away for a moment after each; then waits."""

    def __init__(self, scene: SyntheticScene, camera: str, rounds: int) -> None:
        self.camera = camera
        self.played = threading.Event()
        self._scene = scene
        self._rounds = rounds
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame | StreamEnd]:
        """Index and time go on from round to round."""
        index, start_s = 0, 0.0
        for _ in range(self._rounds):
            for frame in SyntheticSource(self._scene, self.camera, realtime=True).frames():
                if self._closed.is_set():
                    return
                info = frame.info
                yield replace(frame, info=replace(info, index=index, pts_s=start_s + info.pts_s))
                index += 1
            start_s += self._scene.frames / self._scene.rate_hz
            yield StreamEnd(self.camera, index, "away", pause=True)
        self.played.set()
        self._closed.wait()

    def close(self) -> None:
        """End `frames`."""
        self._closed.set()

"""A machine in pretended time: cameras, admission, a fan-in, and one stage that takes as long as it is told."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from pipeline.detection.stage import LookSchedule
from pipeline.pixels import HostPixels
from pipeline.runtime.buffer import Overflow
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.measuring.timings import Timings
from pipeline.runtime.pace.admission import Admission
from pipeline.runtime.pace.load import LoadRules
from pipeline.types import Detected, Faces, Frame, FrameInfo, StreamEnd

START = datetime(1970, 1, 1, tzinfo=UTC)
BATCH = 4
RULES = LoadRules(1000.0)
PIXELS = HostPixels(np.zeros((2, 2, 3), np.uint8))


@dataclass(slots=True)
class Camera:
    """One camera of the machine."""

    name: str
    fps: float = 25.0
    phase_s: float = 0.0
    begins_s: float = 0.0
    ends_s: float = math.inf
    frames: int = 0

    @property
    def next_s(self) -> float:
        """When its next frame is decoded; never once it is gone."""
        at_s = self.begins_s + self.phase_s + self.frames / self.fps
        return at_s if at_s < self.ends_s else math.inf


@dataclass(frozen=True, slots=True)
class Look:
    """A frame that was looked at."""

    camera: str
    at_s: float
    """when that was done with"""
    latency_ms: float


class Machine:
    """Everything happens when its time has come; no thread, no waiting."""

    def __init__(
        self,
        cameras: Sequence[Camera],
        cost_s: Callable[[float], float],
        rules: LoadRules = RULES,
        floor_hz: float = 0.5,
    ) -> None:
        """`cost_s` tells what a look that begins at this second costs the only stage that costs anything."""
        self.now_s = 0.0
        self.wanted_hz: dict[str, float] = {}
        """10 of a camera that is not in it"""
        self.looks: list[Look] = []
        self.decoded: Counter[str] = Counter()
        self.fan_in: FanIn[Frame] = FanIn(
            1, Overflow.DROP_OLDEST, "frames", lambda each: self.admission.is_stale(each.info)
        )
        self.admission = Admission(
            rules, LookSchedule, lambda name: self.wanted_hz.get(name, 10.0), floor_hz, BATCH, self._clock_ns
        )
        self._timings = Timings("detect", self._clock_ns)
        self.admission.watch(self._timings.take_waits_ms, self.dropped)
        self._cost_s = cost_s
        self._cameras = list(cameras)
        for camera in cameras:
            self.fan_in.add(camera.name)
        self._batch: list[Frame] = []
        self._begun_s = self._done_s = 0.0

    def dropped(self) -> int:
        """Frames that were admitted in vain."""
        return sum(self.fan_in.dropped().values())

    def run(self, until_s: float) -> None:
        """Let time pass."""
        while True:
            camera = min(self._cameras, key=lambda each: each.next_s)
            done_s = self._done_s if self._batch else math.inf
            if min(camera.next_s, done_s) >= until_s:
                break
            self.now_s = min(camera.next_s, done_s)
            if done_s <= camera.next_s:
                self._finish()
            else:
                self._decode(camera)
            if not self._batch:
                self._begin()
        self.now_s = until_s

    def rates(self, from_s: float) -> dict[str, float]:
        """Looks a second of each camera since this second."""
        counts = Counter(look.camera for look in self.looks if look.at_s >= from_s)
        return {camera.name: counts[camera.name] / (self.now_s - from_s) for camera in self._cameras}

    def p99_ms(self, from_s: float = 0.0, to_s: float = math.inf) -> float:
        """Of the looks that were done in this time."""
        return float(
            np.quantile([each.latency_ms for each in self.looks if from_s <= each.at_s < to_s], 0.99)
        )

    def _clock_ns(self) -> int:
        return round(self.now_s * 1e9)

    def _decode(self, camera: Camera) -> None:
        pts_s = camera.frames / camera.fps
        info = FrameInfo(camera.name, camera.frames, pts_s, START, 2, 2, self._clock_ns())
        camera.frames += 1
        self.decoded[camera.name] += 1
        if self.admission(info):
            self.fan_in.put(Frame(info, PIXELS))

    def _begin(self) -> None:
        taken = self.fan_in.take(BATCH, timeout_s=0.0)
        self._batch = [item for item in taken if not isinstance(item, StreamEnd)]
        self._begun_s = self.now_s
        self._done_s = self.now_s + sum(self._cost_s(self.now_s) for _ in self._batch)

    def _finish(self) -> None:
        results = [Detected(frame, Faces.none(), True) for frame in self._batch]
        for hook in (self._timings, self.admission):
            hook.after_batch("detect", self._batch, results, self.now_s - self._begun_s)
        for frame in self._batch:
            latency_ms = (self._clock_ns() - frame.info.captured_ns) / 1e6
            self.looks.append(Look(frame.info.camera, self.now_s, latency_ms))
        self._batch = []

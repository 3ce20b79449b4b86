"""The detection stage: looks at frames by their time, a few times a second for each camera."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pipeline.arrays import U8
from pipeline.stage import StageBase
from pipeline.types import Detected, Faces, Frame, StreamEnd

PTS_TOLERANCE_S = 0.001
"""containers round pts, Matroska to milliseconds: a frame that comes early by this much is still due"""


class Detector(Protocol):
    """Finds faces in images."""

    name: str

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        """Faces of images (H, W, 3) RGB, one `Faces` an image."""
        ...


class LookSchedule:
    """Which frames of one camera are looked at; depends on their pts alone, so that a replay repeats it.

    >>> schedule = LookSchedule(rate_hz=10.0)
    >>> [schedule.due(frame / 30) for frame in range(7)]
    [True, False, False, True, False, False, True]
    """

    def __init__(self, rate_hz: float) -> None:
        self._period_s = 1.0 / rate_hz
        self._next_s = -np.inf

    def due(self, pts_s: float) -> bool:
        """Whether the frame at this time is looked at; times must not decrease."""
        if pts_s < self._next_s - PTS_TOLERANCE_S:
            return False
        self._next_s += self._period_s
        # The first frame, a gap, or a camera slower than the rate: start again from here instead of catching up.
        if self._next_s <= pts_s:
            self._next_s = pts_s + self._period_s
        return True


class DetectionStage(StageBase[Frame, Detected]):
    """Runs a detector, which the caller has opened, on the frames that are due; others pass untouched."""

    name = "detect"

    def __init__(self, detector: Detector, rate_hz: float) -> None:
        self._detector = detector
        self._rate_hz = rate_hz
        self._schedules: dict[str, LookSchedule] = {}

    def process(self, batch: Sequence[Frame]) -> Sequence[Detected]:
        looked = [self._schedule(frame.info.camera).due(frame.info.pts_s) for frame in batch]
        images = [frame.pixels.to_host() for frame, due in zip(batch, looked, strict=True) if due]
        faces = iter(self._detector.detect(images) if images else ())
        return [
            Detected(frame, next(faces) if due else Faces.none(), due)
            for frame, due in zip(batch, looked, strict=True)
        ]

    def end(self, end: StreamEnd) -> Sequence[Detected]:
        self._schedules.pop(end.camera, None)
        return ()

    def _schedule(self, camera: str) -> LookSchedule:
        if camera not in self._schedules:
            self._schedules[camera] = LookSchedule(self._rate_hz)
        return self._schedules[camera]

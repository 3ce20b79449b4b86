"""The detection stage: finds faces in a few frames a second of each camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.detection.input_size import InputSize
from pipeline.detection.look import Detector, FrameDetector, Look, frame_detector
from pipeline.detection.rules import RulesOf
from pipeline.stage import EngineStage, Reopen
from pipeline.types import Detected, Faces, Frame, FrameInfo, StreamEnd

PTS_TOLERANCE_S = 0.001
"""containers round pts, Matroska to milliseconds: a frame that comes early by this much is still due"""


USUAL_SIZE = InputSize(min_face_px=40.0)


class LookSchedule:
    """Which frames of one camera are looked at; depends on their pts alone, so that a replay repeats it.

    Times must not decrease. A rate may be changed at any time; a replay does not.

    >>> schedule = LookSchedule(rate_hz=10.0)
    >>> [schedule.due(frame / 30) for frame in range(7)]
    [True, False, False, True, False, False, True]
    """

    def __init__(self, rate_hz: float) -> None:
        self._period_s = 1.0 / rate_hz
        self._next_s = -np.inf
        self._now_s = -np.inf

    def due(self, pts_s: float) -> bool:
        """Whether the frame at this time is looked at."""
        self._now_s = pts_s
        if pts_s < self._next_s - PTS_TOLERANCE_S:
            return False
        self._next_s += self._period_s
        # The first frame, a gap, or a camera slower than the rate: start again from here instead of catching up.
        if self._next_s <= pts_s:
            self._next_s = pts_s + self._period_s
        return True

    def postpone(self, share: float) -> None:
        """Let the next look come later, by this share of a period."""
        self._next_s += share * self._period_s

    def change(self, rate_hz: float) -> None:
        """Look so often from now on.

        What is left of the wait for the next look becomes longer or shorter by as much as the period, so that
        cameras that were looked at one after the other still are.
        """
        period_s = 1.0 / rate_hz
        if self._next_s > self._now_s:
            self._next_s = self._now_s + (self._next_s - self._now_s) * period_s / self._period_s
        self._period_s = period_s


class DetectionStage(EngineStage[Frame, Detected]):
    """Runs a detector, which the caller has opened, on the frames that are due; others pass untouched."""

    name = "detect"

    def __init__(
        self,
        detector: Detector | FrameDetector,
        rate_hz: float | None,
        size: InputSize = USUAL_SIZE,
        rules: RulesOf | None = None,
        reopen: Reopen | None = None,
    ) -> None:
        """
        Args:
            detector: finds the faces.
            rate_hz: looks a second by pts; None: every frame is looked at, because others choose (live).
            size: how large the detector's input is made.
            rules: where faces of a camera count, and from what size on; None: everywhere, from `size`'s.
            reopen: makes the detector's engine anew after a failure.
        """
        super().__init__(reopen)
        self._detector = frame_detector(detector)
        self._rate_hz = rate_hz
        self._size = size
        self._rules = rules
        self._schedules: dict[str, LookSchedule] = {}

    def process(self, batch: Sequence[Frame]) -> Sequence[Detected]:
        looked = [self._due(frame.info) for frame in batch]
        looks = [self._look(frame) for frame, due in zip(batch, looked, strict=True) if due]
        faces = iter(self._detector.look(looks) if looks else ())
        return [
            Detected(frame, self._counted(next(faces), frame.info) if due else Faces.none(), due)
            for frame, due in zip(batch, looked, strict=True)
        ]

    def end(self, end: StreamEnd) -> Sequence[Detected]:
        self._schedules.pop(end.camera, None)
        return ()

    def lost(self, camera: str) -> None:
        """The next frame is looked at."""
        self._schedules.pop(camera, None)

    def _due(self, info: FrameInfo) -> bool:
        if self._rate_hz is None:
            return True
        if info.camera not in self._schedules:
            self._schedules[info.camera] = LookSchedule(self._rate_hz)
        return self._schedules[info.camera].due(info.pts_s)

    def _look(self, frame: Frame) -> Look:
        info = frame.info
        smallest_px = None if self._rules is None else self._rules(info.camera).min_face_px
        return Look(frame.pixels, self._size.placement(info.width, info.height, smallest_px))

    def _counted(self, faces: Faces, info: FrameInfo) -> Faces:
        if self._rules is None:
            return faces
        return self._rules(info.camera).counted(faces, info.width, info.height)

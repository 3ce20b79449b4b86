"""The detection stage: finds faces in a few frames a second of each camera."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from pipeline.detection.input_size import InputSize
from pipeline.detection.look import Detector, FrameDetector, Look, WholeFrames, frame_detector
from pipeline.detection.regions import PTS_TOLERANCE_S, Gaze, GazeRules
from pipeline.detection.rules import RulesOf
from pipeline.stage import EngineStage, Reopen
from pipeline.types import Detected, Faces, Frame, FrameInfo, StreamEnd

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
        regions: GazeRules | None = None,
        rules: RulesOf | None = None,
        reopen: Reopen | None = None,
    ) -> None:
        """
        Args:
            detector: finds the faces.
            rate_hz: looks a second by pts; None: every frame is looked at, because others choose (live).
            size: how large the detector's input is made.
            regions: when whole frames are looked at, and regions of them else; None: whole frames always.
            rules: where faces of a camera count, and from what size on; None: everywhere, from `size`'s.
            reopen: makes the detector's engine anew after a failure.
        """
        super().__init__(reopen)
        self._detector = frame_detector(detector)
        self._rate_hz = rate_hz
        self._size = size
        self._rules = rules
        self._schedules: dict[str, LookSchedule] = {}
        # A detector of images sees whole frames, whatever it is asked for.
        self._regions = None if isinstance(self._detector, WholeFrames) else regions
        self._gazes: dict[str, Gaze] = {}

    def process(self, batch: Sequence[Frame]) -> Sequence[Detected]:
        looked = [self._due(frame.info) for frame in batch]
        due = [frame for frame, is_due in zip(batch, looked, strict=True) if is_due]
        found: dict[int, Faces] = {}
        for round_ in [due] if self._regions is None else in_turns(due):
            found |= {id(frame): faces for frame, faces in zip(round_, self._find(round_), strict=True)}
        return [
            Detected(frame, found[id(frame)] if is_due else Faces.none(), is_due)
            for frame, is_due in zip(batch, looked, strict=True)
        ]

    def end(self, end: StreamEnd) -> Sequence[Detected]:
        self.lost(end.camera)
        return ()

    def lost(self, camera: str) -> None:
        """The next frame is looked at, as a whole."""
        self._schedules.pop(camera, None)
        self._gazes.pop(camera, None)

    def _due(self, info: FrameInfo) -> bool:
        if self._rate_hz is None:
            return True
        if info.camera not in self._schedules:
            self._schedules[info.camera] = LookSchedule(self._rate_hz)
        return self._schedules[info.camera].due(info.pts_s)

    def _find(self, frames: Sequence[Frame]) -> list[Faces]:
        """Faces of frames that are looked at beside each other; with regions, at most one of a camera."""
        gazes = [self._take_gaze(frame.info.camera) for frame in frames]
        looks = [self._look(frame, gaze) for frame, gaze in zip(frames, gazes, strict=True)]
        asked = [look for look in looks if look is not None]
        answers = iter(self._detector.look(asked) if asked else ())
        found = []
        for frame, gaze, look in zip(frames, gazes, looks, strict=True):
            faces = Faces.none() if look is None else self._counted(next(answers), frame.info)
            if gaze is not None:
                faces = gaze.found(look, faces, frame.info.pts_s)
                self._gazes[frame.info.camera] = gaze
            found.append(faces)
        return found

    def _take_gaze(self, camera: str) -> Gaze | None:
        """Of the camera, put back when its look has been answered: where the detector fails, the frame is tried
        again by one that knows nothing and looks at it whole."""
        return None if self._regions is None else self._gazes.pop(camera, None) or Gaze(self._regions)

    def _look(self, frame: Frame, gaze: Gaze | None) -> Look | None:
        info = frame.info
        smallest_px = None if self._rules is None else self._rules(info.camera).min_face_px
        placed = self._size.placement(info.width, info.height, smallest_px)
        return Look(frame.pixels, placed) if gaze is None else gaze.look(frame, placed)

    def _counted(self, faces: Faces, info: FrameInfo) -> Faces:
        if self._rules is None:
            return faces
        return self._rules(info.camera).counted(faces, info.width, info.height)


def in_turns(frames: Sequence[Frame]) -> list[list[Frame]]:
    """The first frame of each camera, then the second of each, and so on: where a camera is looked at next depends
    on what was found before."""
    turns: list[list[Frame]] = []
    seen: Counter[str] = Counter()
    for frame in frames:
        camera = frame.info.camera
        if seen[camera] == len(turns):
            turns.append([])
        turns[seen[camera]].append(frame)
        seen[camera] += 1
    return turns

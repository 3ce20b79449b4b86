"""Which frames of live cameras are worked on: each camera's looks, at rates that keep latency below its bound."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.runtime.pace.load import LoadRules, LoadState, patience_ms, share, step
from pipeline.runtime.pace.progress import Progress, TakeWaits
from pipeline.runtime.worker import WorkerHook
from pipeline.types import FrameInfo

log = logging.getLogger(__name__)

STEP_S = 0.5
"""between two steps of the controller: some ten looks at the least that two cores can do"""
ACTIVE_S = 2.0
"""a camera without a decoded frame for so long is away, and leaves its share to the others"""
FORGET_S = 600.0
"""and after so long nothing is known of it any more: memory does not grow with cameras that left"""
SLOWED = 0.8
"""of the looks that are wanted: less is worth a line in the log"""
TELL_AFTER_S = 10.0
"""of too much work without a break: a start takes a few seconds, and peaks pass"""
TELL_S = 60.0
"""between two such lines"""
GOLDEN = 0.6180339887498949
"""multiples of it, modulo 1, are spread evenly however many there are: cameras that begin together do not stay so"""


class Schedule(Protocol):
    """When one camera is looked at, by the time of its frames."""

    def due(self, pts_s: float) -> bool:
        """Whether the frame at this time is looked at; times do not decrease."""
        ...

    def postpone(self, share: float) -> None:
        """Let the next look come later, by this share of a period."""
        ...

    def change(self, rate_hz: float) -> None:
        """Look so often from now on."""
        ...


@dataclass(frozen=True, slots=True)
class CameraLoad:
    """How often one camera is looked at."""

    camera: str
    active: bool
    """frames came lately"""
    looks_wanted_hz: float
    looks_hz: float
    """allowed now; less than wanted when there is too much work"""
    admitted: int
    """frames since it came"""
    skipped: int
    """frames since it came that were not due"""


@dataclass(frozen=True, slots=True)
class Load:
    """How the work is shared out at one moment."""

    cameras: tuple[CameraLoad, ...]
    """by name"""
    budget_hz: float
    """looks a second that all cameras together may have"""
    cost_ms: float | None
    """of a look, in the busiest stage; None before the first"""
    relief: float
    """below 1 while frames waited long or were dropped"""

    @property
    def slowed(self) -> bool:
        """Whether some camera is looked at less often than wanted."""
        return any(camera.active and camera.looks_hz < camera.looks_wanted_hz for camera in self.cameras)


@dataclass(slots=True)
class _Camera:
    """What is kept of one camera."""

    schedule: Schedule
    wanted_hz: float
    rate_hz: float
    last_pts_s: float
    last_s: float
    """monotonic, of its last decoded frame"""
    admitted: int = 0
    skipped: int = 0


class Admission(WorkerHook):
    """Asked about every decoded frame; as a hook of the workers it learns what the pipeline can do.

    Safe on any thread. It has no thread of its own: the controller steps when work is done, at most every STEP_S.
    Frames are due by their pts; only who is active and how fast work goes is told by the clock.
    """

    def __init__(
        self,
        rules: LoadRules,
        make_schedule: Callable[[float], Schedule],
        wanted_hz: Callable[[str], float],
        floor_hz: float,
        batch: int,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """
        Args:
            rules: of the controller.
            make_schedule: a schedule of a rate in looks a second.
            wanted_hz: looks a second that a camera should have; asked again at every step, since it may change.
            floor_hz: no camera that wants as much has less, while the pipeline can do as much.
            batch: frames that detection takes at once, at most.
            clock_ns: the clock that `FrameInfo.captured_ns` is read from.
        """
        self._rules = rules
        self._make_schedule = make_schedule
        self._wanted_hz = wanted_hz
        self._floor_hz = floor_hz
        self._batch = batch
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._cameras: dict[str, _Camera] = {}
        self._met = 0
        self._state = LoadState(rules.start_hz)
        self._progress = Progress(list, lambda: 0)
        self._stepped_s = clock_ns() / 1e9
        self._enough_s = self._stepped_s
        """when all cameras last had what they want, or nearly"""
        self._told_s = -math.inf

    def watch(self, waits_ms: TakeWaits, dropped: Callable[[], int]) -> None:
        """Learn how long frames waited, and how many in vain; called once, before the workers start.

        Args:
            waits_ms: in queues, of the frames done with since it was last asked.
            dropped: frames dropped before detection, of all cameras since the start.
        """
        self._progress = Progress(waits_ms, dropped)

    def __call__(self, info: FrameInfo) -> bool:
        """Whether this frame, just decoded, is to be worked on. Frames of a camera come in order."""
        now_s = self._clock_ns() / 1e9
        with self._lock:
            camera = self._cameras.get(info.camera)
            if camera is None or info.pts_s < camera.last_pts_s:
                camera = self._meet(info.camera, camera, now_s)
            was_away = now_s - camera.last_s > ACTIVE_S
            camera.last_s, camera.last_pts_s = now_s, info.pts_s
            if was_away:
                self._share(now_s)
            if not camera.schedule.due(info.pts_s):
                camera.skipped += 1
                return False
            camera.admitted += 1
            if camera.admitted == 1:
                camera.schedule.postpone(self._met * GOLDEN % 1.0)
            return True

    def is_stale(self, info: FrameInfo) -> bool:
        """Whether this frame, admitted before, has waited too long to be told of in time; takes no lock."""
        limit_ms = patience_ms(self._state, self._rules, self._batch)
        return (self._clock_ns() - info.captured_ns) / 1e6 > limit_ms

    def forget(self, camera: str) -> None:
        """This camera was removed: nothing is kept of it, and its share goes to the others."""
        with self._lock:
            if self._cameras.pop(camera, None) is not None:
                self._share(self._clock_ns() / 1e9)

    def after_batch(self, worker: str, batch: Sequence[Any], results: Sequence[Any], seconds: float) -> None:
        now_s = self._clock_ns() / 1e9
        with self._lock:
            self._progress.add(worker, results, seconds)
            if now_s - self._stepped_s >= STEP_S:
                self._step(now_s)

    def load(self) -> Load:
        """How the work is shared out now."""
        now_s = self._clock_ns() / 1e9
        with self._lock:
            return self._load(now_s)

    def _meet(self, name: str, known: _Camera | None, now_s: float) -> _Camera:
        """A camera that is new, or whose time began anew: with a schedule that has seen nothing yet."""
        self._met += known is None
        wanted_hz = self._wanted_hz(name)
        camera = _Camera(self._make_schedule(wanted_hz), wanted_hz, wanted_hz, -1.0, now_s)
        if known is not None:
            camera.admitted, camera.skipped = known.admitted, known.skipped
        self._cameras[name] = camera
        self._share(now_s)
        return camera

    def _step(self, now_s: float) -> None:
        seen = self._progress.seen(now_s - self._stepped_s)
        self._stepped_s = now_s
        self._state = step(self._state, seen, self._rules)
        for name, camera in list(self._cameras.items()):
            camera.wanted_hz = self._wanted_hz(name)
            if now_s - camera.last_s > FORGET_S:
                del self._cameras[name]
        self._share(now_s)
        self._tell(now_s)

    def _share(self, now_s: float) -> None:
        """Share the budget out among the cameras that are there."""
        active = {
            name: camera.wanted_hz
            for name, camera in self._cameras.items()
            if now_s - camera.last_s <= ACTIVE_S
        }
        # Where even the floor is too much, frames are dropped, and relief lowers it for all alike.
        floor_hz = self._floor_hz * self._state.relief
        for name, rate_hz in share(self._state.budget_hz, active, floor_hz).items():
            camera = self._cameras[name]
            if rate_hz != camera.rate_hz:
                camera.schedule.change(rate_hz)
                camera.rate_hz = rate_hz

    def _tell(self, now_s: float) -> None:
        """A line in the log when there is too much work for long, at most one every TELL_S."""
        slowed = [
            camera
            for camera in self._cameras.values()
            if now_s - camera.last_s <= ACTIVE_S and camera.rate_hz < SLOWED * camera.wanted_hz
        ]
        if not slowed:
            self._enough_s = now_s
        elif now_s - self._enough_s >= TELL_AFTER_S and now_s - self._told_s >= TELL_S:
            self._told_s = now_s
            log.warning(
                "too much work: %d cameras are looked at less often than asked for, down to %.1f times a second",
                *(len(slowed), min(camera.rate_hz for camera in slowed)),
            )

    def _load(self, now_s: float) -> Load:
        cost_s = self._state.cost_s
        return Load(
            cameras=tuple(
                CameraLoad(
                    camera=name,
                    active=now_s - camera.last_s <= ACTIVE_S,
                    looks_wanted_hz=camera.wanted_hz,
                    looks_hz=camera.rate_hz,
                    admitted=camera.admitted,
                    skipped=camera.skipped,
                )
                for name, camera in sorted(self._cameras.items())
            ),
            budget_hz=self._state.budget_hz,
            cost_ms=None if cost_s is None else cost_s * 1e3,
            relief=self._state.relief,
        )

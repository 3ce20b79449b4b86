"""Where each camera's frames went: every frame that was decoded is skipped, dropped, lost or done, or under way."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.runtime.capture_worker import CaptureWorker
from pipeline.runtime.measuring.metrics import Drops
from pipeline.runtime.place import Place, place_of
from pipeline.runtime.worker import WorkerHook
from pipeline.types import StreamEnd

GONE = ""
"""in place of a name: all cameras that have left"""


@dataclass(frozen=True, slots=True)
class StageLoss:
    """Frames that were lost in a stage that failed."""

    stage: str
    frames: int


@dataclass(frozen=True, slots=True)
class CameraCounts:
    """A camera's frames since it was added."""

    camera: str
    """GONE: of all cameras that have left, together"""
    decoded: int
    skipped: int
    """not admitted: not due, or the camera was slowed down"""
    dropped: tuple[Drops, ...]
    """by full queues"""
    lost: tuple[StageLoss, ...]
    """by stages that failed"""
    done: int
    """went through the last stage"""
    bugs: int = 0
    """times that the camera's thread failed and began again"""

    @property
    def under_way(self) -> int:
        """In queues and stages."""
        dropped = sum(each.count for each in self.dropped)
        return self.decoded - self.skipped - dropped - sum(each.frames for each in self.lost) - self.done


@dataclass(slots=True)
class _Camera:
    lives: list[CaptureWorker] = field(default_factory=list)
    """its threads whose end has not gone through: two where it was added again at once"""
    ended: Counter[str] = field(default_factory=Counter)
    """given, skipped and bugs of the threads that have ended"""
    lost: Counter[str] = field(default_factory=Counter)
    done: int = 0
    newest: int = -1
    """last frame that the last stage was done with: what it gets twice is what a camera was owed at its end"""


class Tally(WorkerHook):
    """Counts frames by camera. Safe on any thread.

    A camera that has left, its last frame through all stages, is folded into GONE, so that cameras may come and go
    for weeks.
    """

    def __init__(self, last: str, forget: Callable[[str], int]) -> None:
        """`last` is the last stage's worker; `forget` makes the queues forget a camera and tells what they dropped."""
        self._last = last
        self._forget = forget
        self._lock = threading.Lock()
        self._cameras: dict[str, _Camera] = {}
        self._gone = _Camera()
        self._gone_dropped = 0

    def came(self, capture: CaptureWorker) -> None:
        """This camera is added."""
        with self._lock:
            self._cameras.setdefault(capture.camera, _Camera()).lives.append(capture)

    def after_batch(self, worker: str, batch: Sequence[Any], results: Sequence[Any], seconds: float) -> None:
        if worker == self._last:
            self._settle([place_of(item) for item in batch], None)

    def after_loss(self, worker: str, places: Sequence[Place]) -> None:
        self._settle(places, worker)

    def after_end(self, worker: str, end: StreamEnd) -> None:
        if worker != self._last or end.pause:
            return
        with self._lock:
            camera = self._cameras.get(end.camera)
            if camera is None or not camera.lives:
                return
            _retire(camera, camera.lives.pop(0))
            camera.newest = -1
            if not camera.lives:
                del self._cameras[end.camera]
                self._gone.ended.update(camera.ended)
                self._gone.lost.update(camera.lost)
                self._gone.done += camera.done
                self._gone_dropped += self._forget(end.camera)

    def counts(self, drops: Sequence[Drops]) -> tuple[CameraCounts, ...]:
        """Every camera that is there, by name, and GONE; `drops` are what the queues dropped so far."""
        with self._lock:
            here = [
                _counts(name, camera, tuple(drop for drop in drops if drop.camera == name))
                for name, camera in sorted(self._cameras.items())
            ]
            dropped = (Drops(GONE, "frames", self._gone_dropped),) if self._gone_dropped else ()
            return (*here, _counts(GONE, self._gone, dropped))

    def _settle(self, places: Sequence[Place], lost_in: str | None) -> None:
        with self._lock:
            for place in places:
                camera = self._cameras.get(place.camera)
                if camera is None:
                    continue
                if lost_in is None or lost_in == self._last:
                    index = camera.newest + 1 if place.frame_index is None else place.frame_index
                    if index <= camera.newest:
                        continue
                    camera.newest = index
                if lost_in is None:
                    camera.done += 1
                else:
                    camera.lost[lost_in] += 1


def _retire(camera: _Camera, capture: CaptureWorker) -> None:
    camera.ended.update(given=capture.given, skipped=capture.skipped, bugs=capture.bugs)


def _counts(name: str, camera: _Camera, dropped: tuple[Drops, ...]) -> CameraCounts:
    given = camera.ended["given"] + sum(each.given for each in camera.lives)
    skipped = camera.ended["skipped"] + sum(each.skipped for each in camera.lives)
    return CameraCounts(
        camera=name,
        decoded=given + skipped,
        skipped=skipped,
        dropped=dropped,
        lost=tuple(StageLoss(stage, frames) for stage, frames in sorted(camera.lost.items())),
        done=camera.done,
        bugs=camera.ended["bugs"] + sum(each.bugs for each in camera.lives),
    )

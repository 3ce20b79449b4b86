"""The cameras that run, kept as they are wanted: each change touches its own camera alone."""

from __future__ import annotations

import logging
import secrets
import string
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from config.cameras import Camera
from pipeline.capture.live.live import LiveSource
from pipeline.capture.live.source_health import SourceHealth
from pipeline.errors import SourceError
from pipeline.runtime.buffer import ChannelClosed
from pipeline.runtime.worker import FrameSource
from pipeline.web.monitored import CamerasApplied, CameraState

RUN_LETTERS = string.ascii_lowercase + string.digits
RUN_LENGTH = 6
"""of a camera's run, a part of every sighting_id: 2 billion, so that of the thousands of runs that a camera has in
years no two are likely to be called the same"""

KEPT_RUNS = 256
"""of cameras that are gone, whose last frames may still be in flight"""

log = logging.getLogger(__name__)


class Cast(Protocol):
    """Who runs sources: the supervisor."""

    def add(self, source: FrameSource) -> None:
        """Start a source. Raises ValueError while one of its name is still ending, ChannelClosed at the end."""
        ...

    def remove(self, camera: str) -> None:
        """End a camera; what is in flight goes through. Does not wait."""
        ...


class Settings(Protocol):
    """Who is told what a camera is asked for: how often it is looked at, where, and for whom."""

    def put(self, camera: Camera) -> None:
        """A camera is about to start, or its values have changed. Quick."""
        ...

    def remove(self, camera: str) -> None:
        """A camera is gone, but for what of it is in flight. Quick."""
        ...


Open = Callable[[Camera], FrameSource]
"""a source for a camera, not yet connected; raises SourceError for an address that can never work"""


@dataclass(frozen=True, slots=True)
class CrewCamera:
    """A camera that is wanted, and what became of it."""

    camera: Camera
    source: FrameSource | None
    """None: paused, refused, or about to start"""
    refused: str | None
    """why its address can never work"""
    since: datetime
    """UTC, when it was last added or changed"""

    def health(self) -> SourceHealth | None:
        """How its stream is now; None where it has none."""
        return self.source.health() if isinstance(self.source, LiveSource) else None

    def state(self, health: SourceHealth | None) -> CameraState:
        """What it is doing, as its `health` says."""
        if self.refused is not None:
            return CameraState.REFUSED
        if not self.camera.enabled:
            return CameraState.PAUSED
        return CameraState.CONNECTING if health is None else CameraState(health.state.value)


class Crew:
    """Starts and ends sources until those that run are those that are wanted. Safe to call from any thread."""

    def __init__(self, cast: Cast, open_source: Open, settings: Settings, runs: dict[str, str]) -> None:
        """
        Args:
            cast: runs the sources.
            open_source: makes one.
            settings: told of each camera before it starts, when its values change, and when it is gone.
            runs: camera -> its run, kept here; a camera that is started anew has another.
        """
        self.runs = runs
        self._cast = cast
        self._open_source = open_source
        self._settings = settings
        self._lock = threading.Lock()
        self._wanted: dict[str, Camera] = {}
        self._running: dict[str, tuple[Camera, FrameSource]] = {}
        """by id: as it was when it was opened"""
        self._refused: dict[str, str] = {}
        self._since: dict[str, datetime] = {}

    def want(self, cameras: Iterable[Camera]) -> CamerasApplied:
        """Take these cameras for wanted, those alone, and start and end what that asks for."""
        with self._lock:
            before, self._wanted = self._wanted, {camera.id: camera for camera in cameras}
            changed = [name for name in before if self._wanted.get(name, before[name]) != before[name]]
            removed = [name for name in before if name not in self._wanted]
            for name in (*changed, *removed):
                self._refused.pop(name, None)
            for name in changed:
                self._settings.put(self._wanted[name])
            now = datetime.now(UTC)
            kept = {name: since for name, since in self._since.items() if name not in changed}
            self._since = {name: kept.get(name, now) for name in self._wanted}
            self._reconcile()
            for name in removed:
                self._settings.remove(name)
            return CamerasApplied(
                added=tuple(name for name in self._wanted if name not in before),
                removed=tuple(removed),
                changed=tuple(changed),
            )

    def step(self) -> None:
        """Start what could not be started yet, because what ran under its name had not ended. Call now and then."""
        with self._lock:
            self._reconcile()

    def cameras(self) -> tuple[CrewCamera, ...]:
        """The wanted cameras, in their order."""
        with self._lock:
            return tuple(
                CrewCamera(
                    camera,
                    self._running.get(name, (None, None))[1],
                    self._refused.get(name),
                    self._since[name],
                )
                for name, camera in self._wanted.items()
            )

    def _reconcile(self) -> None:
        for name, (opened, _) in list(self._running.items()):
            wanted = self._wanted.get(name)
            if wanted is None or not wanted.enabled or not _opens_alike(wanted, opened):
                del self._running[name]
                self._cast.remove(name)
        for name, camera in self._wanted.items():
            if camera.enabled and name not in self._running and name not in self._refused:
                self._start(camera)
        gone = [name for name in self.runs if name not in self._wanted]
        for name in gone[: max(len(gone) - KEPT_RUNS, 0)]:
            del self.runs[name]

    def _start(self, camera: Camera) -> None:
        try:
            source = self._open_source(camera)
        except SourceError as error:
            self._refused[camera.id] = str(error)
            log.warning("camera %s is not watched: %s", camera.id, error, extra={"camera": camera.id})
            return
        self._settings.put(camera)
        before = self.runs.get(camera.id)
        self.runs[camera.id] = new_run()
        try:
            self._cast.add(source)
        except (ValueError, ChannelClosed):
            # What ran under this name has not ended yet, or the run is ending.
            source.close()
            self._restore(camera.id, before)
        else:
            self._running[camera.id] = (camera, source)

    def _restore(self, name: str, run: str | None) -> None:
        if run is None:
            del self.runs[name]
        else:
            self.runs[name] = run


def new_run() -> str:
    """A camera's run."""
    return "".join(secrets.choice(RUN_LETTERS) for _ in range(RUN_LENGTH))


def _opens_alike(one: Camera, other: Camera) -> bool:
    """Whether a source opened for one camera serves the other: what else differs is only told."""
    return _opening(one) == _opening(other)


def _opening(camera: Camera) -> Mapping[str, object]:
    return {"url": camera.url, "transport": camera.transport, "rotate": camera.rotate}

"""What a running monitor can be asked: the protocol that it fulfils, and the values of its answers.

The answers travel as JSON (documents.py): between a monitor and the commands `status` and `cameras`
nothing else is agreed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Protocol, TypeAlias

from pydantic import PlainSerializer

from pipeline.clock import utc_text

Explanation: TypeAlias = Mapping[str, object]
"""why a sighting got no name, as the gallery's explanation writes itself for JSON"""


Time = Annotated[datetime, PlainSerializer(utc_text, return_type=str, when_used="json")]
"""with its zone"""


class CameraState(StrEnum):
    """What a camera is doing."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    WAITING = "waiting"
    """its stream is gone; it is tried again"""
    PARKED = "parked"
    """gone for long (capture.park_after_s); it is still tried, and somebody should look at it"""
    PAUSED = "paused"
    """the cameras file says enabled: false"""
    REFUSED = "refused"
    """its url can never work; the file has to be repaired"""
    CLOSED = "closed"
    """it was taken away, or the monitor is ending"""


@dataclass(frozen=True, slots=True)
class Shortfalls:
    """Faces of one camera that got no name for one reason, and what there is to do about that."""

    reason: str
    faces: int
    hint: str


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """One camera: its stream, what was done with its frames, and who was seen.

    Every decoded frame is one of skipped, dropped, looked at, lost: decoded = skipped + dropped + looked + lost +
    those in flight.
    """

    id: str
    address: str
    """with user and password as stars"""
    state: CameraState
    since: Time
    """in this state"""
    problem: str | None = None
    """why it does not stream, one line"""
    reconnects: int = 0
    width: int | None = None
    """pixels, of the last frame; None before the first"""
    height: int | None = None
    codec: str | None = None
    fps: float = 0.0
    """decoded, in the last seconds"""
    looks_hz: float = 0.0
    """looks of the detector a second, in the last seconds"""
    looks_wanted_hz: float = 0.0
    """what the camera would get if there were no more work than can be done"""
    decoded: int = 0
    skipped: int = 0
    """not due, or slowed down"""
    dropped: int = 0
    """by full queues"""
    looked: int = 0
    lost: int = 0
    """with restarts of stages"""
    faces: int = 0
    sightings_open: int = 0
    """told of, and going on"""
    sightings: int = 0
    """that were told of and are over"""
    unnamed: tuple[Shortfalls, ...] = ()
    """most faces first"""
    hint: str | None = None
    """what to change about the camera; None where nothing stands out, or too few were seen to tell"""
    last_frame_at: Time | None = None


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One stage of the pipeline."""

    name: str
    queue_items: int
    """waiting for it"""
    busy: float
    """share of the last seconds that it worked, 0 to 1"""
    restarts: int = 0
    problem: str | None = None
    """the last, one line"""


class SpoolState(StrEnum):
    """Whether published events get through."""

    PUBLISHING = "publishing"
    WAITING = "waiting"
    """Redis is away; events wait on the disk"""
    FULL = "full"
    """the oldest events are given up for new ones"""
    FAILING = "failing"
    """the disk takes no more: events are kept in memory, as far as there is room"""


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """Events between us and Redis."""

    state: SpoolState
    waiting: int
    """events not published yet"""
    bytes: int
    """on the disk, with those kept after publishing"""
    lost: int = 0
    """events given up"""
    oldest_at: Time | None = None
    """when the oldest that waits was written"""
    problem: str | None = None
    """one line"""


@dataclass(frozen=True, slots=True)
class GalleryStatus:
    """Who is searched."""

    people: int
    version: int
    problem: str | None = None
    """why it cannot be followed, one line"""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """Which embedder serves."""

    name: str
    """in models.yaml"""
    model_id: str
    """of its vectors, as events tell it"""
    since: Time | None = None
    """when the gallery was switched to it; None where it never was"""
    left_behind: int = 0
    """people whom an older model alone knows: until they are seen again a face is embedded twice"""
    older: str | None = None
    """that model; None where nobody is left behind"""
    problem: str | None = None
    """why it is not the one that the gallery was switched to, one line"""


@dataclass(frozen=True, slots=True)
class LatencyStatus:
    """From capture to published event, in the last minutes."""

    p50_ms: float | None
    """None: no event yet"""
    p99_ms: float | None
    bound_ms: float
    """runtime.max_latency_ms"""


@dataclass(frozen=True, slots=True)
class MonitorStatus:
    """A running monitor at one moment."""

    version: str
    pid: int
    started_at: Time
    at: Time
    """of this status"""
    uptime_s: float
    ready: bool
    problem: str | None
    """the worst there is, one line; None: all is well"""
    engine: str
    """what runs the networks, as `openvino bf16`"""
    latency: LatencyStatus
    gallery: GalleryStatus
    spool: SpoolStatus
    model: ModelStatus | None = None
    """None until it is loaded"""
    stages: tuple[StageStatus, ...] = ()
    """in the order of the pipeline"""
    cameras: tuple[CameraStatus, ...] = ()
    """in the order of the file"""


@dataclass(frozen=True, slots=True)
class CamerasApplied:
    """What a new reading of the cameras file did. With a problem, nothing: the cameras stay as they were."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """paused, resumed, or with other values"""
    problem: str | None = None
    """one line, secrets masked"""


class Monitored(Protocol):
    """A monitor that can be asked. Every method may be called from any thread, at any time, several at once.

    Texts have no secrets in them. None but `why` raises for what cameras, Redis or the database do; that is a
    `problem`.
    """

    def status(self) -> MonitorStatus:
        """What is happening, within a fraction of a second."""
        ...

    def alive(self) -> str | None:
        """None while the monitor works, else why it does not. Returns at once: never waits for a lock held long."""
        ...

    def ready(self) -> str | None:
        """None once models and gallery are loaded and cameras are watched, else what it waits for. Returns at once."""
        ...

    def metrics(self) -> bytes:
        """All metrics, as Prometheus reads text."""
        ...

    def reload_cameras(self) -> CamerasApplied:
        """Read the cameras file now, and apply it; returns when cameras are being opened, not when they stream."""
        ...

    def why(self, sighting_id: str) -> Explanation | None:
        """Why this sighting has the name it has, or none; None: there is no such sighting.

        Raises OutsideError, one line, where it cannot be looked up now.
        """
        ...

"""What a running monitor reads off its parts for Prometheus, all at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.runtime.measuring.tally import CameraCounts
from pipeline.runtime.measuring.timings import LatencyValues
from pipeline.runtime.pace.admission import Load
from pipeline.runtime.restarting import StageFailures


@dataclass(frozen=True, slots=True)
class SourceReading:
    """The stream of one camera."""

    camera: str
    state: str
    """one of STATES"""
    reconnects: int
    """times that pictures came again after an outage"""
    damaged: int
    """pictures that the decoder refused, or filled holes of"""
    last_frame_age_s: float | None
    """None before the first frame"""


STATES = ("connecting", "streaming", "waiting", "parked", "paused", "refused", "closed")
"""of a camera; the same words as `status` has"""


@dataclass(frozen=True, slots=True)
class SightingCount:
    """Sightings of a camera that are over."""

    camera: str
    outcome: str
    """named, unnamed, or passing: never published"""
    reason: str
    """why it is unnamed or was never published; empty of a named one"""
    sightings: int


@dataclass(frozen=True, slots=True)
class EventsDropped:
    """Events that subscribers will not get."""

    reason: str
    events: int


@dataclass(frozen=True, slots=True)
class SpoolReading:
    """Events on their way to Redis."""

    connected: bool
    """Redis has answered, and took what it was last given"""
    waiting: int
    oldest_age_s: float | None
    """of the first that waits; None where none waits"""
    bytes: int
    """on disk, with those that are published and kept for a while"""
    published: int
    dropped: tuple[EventsDropped, ...]
    flush_lag_s: float
    """from publishing to the disk, of the last flush"""


@dataclass(frozen=True, slots=True)
class GalleryReading:
    """Who is searched."""

    people: int
    version: int
    max_distance: float
    """squared L2, below which names are given"""
    followed: bool
    """False while the database does not answer, and people stay as they were"""
    follow_age_s: float | None = None
    """since the gallery was last seen to be up to date; None where that is not known"""
    left_behind: int = 0
    """of them, whom an older embedder alone knows"""


@dataclass(frozen=True, slots=True)
class EngineReading:
    """What runs a network."""

    role: str
    """detection, embedding, or older embedding while people are left behind under it"""
    model: str
    backend: str
    device: str
    precision: str


@dataclass(frozen=True, slots=True)
class MonitorReadings:
    """Everything that is told besides what `Metrics` counts; what is left empty is not told."""

    version: str
    """of Facestream"""
    ready: bool
    sources: tuple[SourceReading, ...] = ()
    counts: tuple[CameraCounts, ...] = ()
    """Supervisor.counts()"""
    failures: tuple[StageFailures, ...] = ()
    """Supervisor.failures()"""
    load: Load | None = None
    """Admission.load()"""
    latencies: LatencyValues | None = None
    """Timings.latencies()"""
    sightings: tuple[SightingCount, ...] = ()
    spool: SpoolReading | None = None
    gallery: GalleryReading | None = None
    engines: tuple[EngineReading, ...] = field(default=())
    snapshots_dropped: int | None = None
    """pictures that were not written; None where none are taken"""

"""The event contract, version 1: what subscribers are told about a sighting."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pipeline.arrays import F32
from pipeline.events.why.explanation import Explanation
from pipeline.types import Watchlist

SCHEMA_VERSION = 1


class EventType(StrEnum):
    """A sighting opens with `new`, may `update`, closes with `end`, and may be followed by a `correction`."""

    NEW = "new"
    UPDATE = "update"
    END = "end"
    CORRECTION = "correction"


class Mode(StrEnum):
    """Whether cameras were watched or a recording was replayed: two streams, so that a replay alarms nobody."""

    LIVE = "live"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person of the gallery."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class EventCandidate:
    """A person that the face may be, and how far away."""

    id: str
    name: str
    distance: float
    """squared L2 in [0, 4]"""


@dataclass(frozen=True, slots=True)
class FrameRef:
    """The frame an event speaks of."""

    index: int
    pts_s: float
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TimingsMs:
    """Where the time from capture to event went, in milliseconds; absent in a replay."""

    queue: float
    detect: float
    embed: float
    match: float
    total: float


@dataclass(frozen=True, slots=True)
class IdentityEvent:
    """One line of a sighting's life. `event_id` is a hash of sighting and seq; see docs/events.md."""

    type: EventType
    mode: Mode
    sighting_id: str
    """camera, run and number; the run is random when live and a hash of the recording in a replay"""
    seq: int
    """counts a sighting's events from 1"""
    camera: str
    identity: Identity | None
    previous_identity: Identity | None
    """what the sighting was called before this event, when that changed"""
    stranger_id: str | None
    """set while identity is None"""
    distance: float | None
    """to the nearest person, in [0, 4]; None with an empty gallery or before the first embedding"""
    threshold: float
    """a name is given only below this distance"""
    margin: float | None
    """how much farther the second person is; None when there is none"""
    candidates: tuple[EventCandidate, ...]
    frames_fused: int
    quality: float
    box: tuple[float, float, float, float]
    """x0 y0 x1 y1 as fractions of the frame"""
    frame: FrameRef
    first_seen_at: datetime
    seen_at: datetime
    published_at: datetime
    timings_ms: TimingsMs | None
    detector: str
    embedder: str
    gallery_version: int
    snapshot: str | None
    """path below the data folder"""
    watchlists: tuple[Watchlist, ...] = ()
    """that `identity` is on, in order of name; none of an unknown person"""
    template: F32 | None = field(default=None, repr=False, compare=False)
    """(D,) unit length: the face as it was seen up to here. Kept with the sighting, and never published"""
    explanation: Explanation | None = field(default=None, repr=False, compare=False)
    """of the name, or of why there is none. Kept with the sighting, and never published"""

    @property
    def event_id(self) -> str:
        """The same for the same sighting and seq, so that a subscriber can drop what it has seen before."""
        return hashlib.sha256(f"{self.sighting_id}#{self.seq}".encode()).hexdigest()[:24]

    @property
    def similarity(self) -> float | None:
        """cosine to the nearest person, 1 - distance / 2"""
        return None if self.distance is None else 1.0 - self.distance / 2.0

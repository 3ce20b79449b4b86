"""Who was seen where and when, and the people whom nobody has named, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32, I64, Bools, check_array, check_rows
from pipeline.gallery.storage.records import Person
from pipeline.gallery.vectors import check_unit
from pipeline.types import Watchlist

I32 = NDArray[np.int32]


class StrangerState(StrEnum):
    """What an operator has said about an unknown person."""

    OPEN = "open"
    IGNORED = "ignored"
    """seen and kept, but no event tells of them"""
    MERGED = "merged"
    """the same as another: goes on under the other's id"""
    NAMED = "named"
    """a person of the gallery by now"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A sighting as it is kept: what its last event said, and the vector behind it."""

    sighting_id: str
    camera: str
    run: str
    """random when live, a hash of the recording in a replay"""
    mode: str
    """live or replay"""
    seq: int
    """of its last event that was published; 0 where none was, as of an ignored stranger"""
    person_id: str | None
    stranger_id: str | None
    """set while person_id is None"""
    distance: float | None
    threshold: float
    frames_fused: int
    quality: float
    box: tuple[float, float, float, float]
    """x0 y0 x1 y1 as fractions of the frame"""
    frame_index: int
    pts_s: float
    width: int
    height: int
    first_seen_at: datetime
    """UTC"""
    seen_at: datetime
    """UTC, of the last frame it was found in"""
    detector: str
    model_id: str
    gallery_version: int
    snapshot: str | None
    vector: F32 | None = field(repr=False)
    """(D,) unit length; None where no shot was good enough, or its time is over"""
    stands: bool
    """whether its stranger is recognised by it"""
    over: bool = True
    """whether its last event was its `end`: until then its run alone tells of it"""
    explanation: str | None = field(default=None, repr=False)
    """of the name, or of why there is none (events.explanation); None of those kept before there were any"""
    nearest: tuple[str | None, ...] = ()
    """ids of the people it came nearest to, two at most; None in the place of one who is gone"""

    def __post_init__(self) -> None:
        if self.vector is not None:
            check_array("vector", self.vector, np.float32, ("D",))
            check_unit("vector", self.vector[None], len(self.vector))


class StrangerChangeKind(StrEnum):
    """What happened to the strangers who can be recognised, for replicas of them."""

    VECTOR_ADDED = "vector_added"
    """the sighting of this label stands for the stranger"""
    VECTOR_REMOVED = "vector_removed"
    """the sighting of this label stands for nobody any more"""
    STRANGER_MERGED = "stranger_merged"
    """into another, who has the vectors now: their labels stay, and are not told of one by one"""
    STRANGER_NAMED = "stranger_named"
    """a person of the gallery by now; each vector is told of as removed too"""
    STRANGER_IGNORED = "stranger_ignored"
    STRANGER_REOPENED = "stranger_reopened"
    """no longer ignored"""


@dataclass(frozen=True, slots=True)
class StrangerChange:
    """One step of the strangers' history."""

    seq: int
    """counts changes from 1 without a gap"""
    kind: StrangerChangeKind
    stranger_id: str
    label: int | None
    """the sighting, where it is about one"""


@dataclass(frozen=True, slots=True)
class Stranger:
    """An unknown person, or one who was."""

    id: str
    """s_ and 12 hexadecimal digits: a hash of the sighting that they were new in"""
    state: StrangerState
    merged_into: str | None
    """the id that a merged one goes on under"""
    person_id: str | None
    """whom a named one turned out to be"""
    created_at: datetime
    """UTC"""


@dataclass(frozen=True, slots=True)
class StrangerSummary:
    """A stranger and where they were seen."""

    stranger: Stranger
    sightings: int
    """0 of a merged one, whose sightings are the other's, and of a named one, whose are the person's"""
    cameras: tuple[str, ...]
    """in order of name"""
    first_seen_at: datetime | None
    """UTC"""
    last_seen_at: datetime | None
    """UTC"""
    quality: float | None
    """of the best sighting"""


@dataclass(frozen=True, slots=True)
class StrangerFilter:
    """Which strangers are asked for."""

    states: frozenset[StrangerState] = frozenset({StrangerState.OPEN, StrangerState.IGNORED})
    """the two are those who are strangers still"""
    since: datetime | None = None
    """seen at this time or later"""
    camera: str | None = None
    """seen by this camera, since then if both are given"""
    min_sightings: int = 0


@dataclass(frozen=True, slots=True)
class MergedStrangers:
    """What two strangers who are one person became."""

    into: str
    gone: str
    sightings: int
    """that go on under the other's id"""


@dataclass(frozen=True, slots=True)
class NamedStranger:
    """A stranger who has a name now."""

    stranger_id: str
    person: Person
    is_new: bool
    """whether the person was made for it"""
    templates: int
    """that were added"""
    sightings: int
    """past ones that are the person's now"""
    distance: float | None
    """squared L2 from the stranger to the person as they were; None for a new one, or with nothing to compare"""
    redundant: tuple[int, ...] = ()
    """labels of templates that said the least and were dropped, for `Store.wipe`"""


@dataclass(frozen=True, slots=True)
class Called:
    """A person as an event names them."""

    person_id: str
    name: str


@dataclass(frozen=True, slots=True)
class DueCorrection:
    """A sighting of which somebody said who it was after its last event was published."""

    label: int
    sighting: Sighting
    """as it is now, without its vector"""
    told_seq: int
    """of the last event that was published; those up to the sighting's own seq are due"""
    person: Called | None
    """whom it shows; None for a stranger"""
    previous: Called | None
    """whom the last published event named"""
    watchlists: tuple[Watchlist, ...]
    """that the person is on, in order of name"""


@dataclass(frozen=True, slots=True)
class PastVectors:
    """Sightings as an index of the past takes them, of one model."""

    labels: I64
    """(N,) ascending"""
    vectors: F32
    """(N, D) unit length"""
    cameras: tuple[str, ...]
    """the different ones of these sightings"""
    camera_of: I32
    """(N,) place in `cameras`"""
    first_ms: I64
    """(N,) when each was first seen, UTC, milliseconds since 1970"""
    seen_ms: I64
    """(N,) and last, so far"""
    over: Bools
    """(N,) whether that stays so"""

    def __post_init__(self) -> None:
        check_array("labels", self.labels, np.int64, ("N",))
        check_array("vectors", self.vectors, np.float32, ("N", "D"))
        check_array("camera_of", self.camera_of, np.int32, ("N",))
        check_array("first_ms", self.first_ms, np.int64, ("N",))
        check_array("seen_ms", self.seen_ms, np.int64, ("N",))
        check_array("over", self.over, np.bool_, ("N",))
        times = {"first_ms": self.first_ms, "seen_ms": self.seen_ms, "over": self.over}
        check_rows(len(self.labels), vectors=self.vectors, camera_of=self.camera_of, **times)


@dataclass(frozen=True, slots=True)
class RunOfCamera:
    """One camera's part of a run: what a replay writes anew each time."""

    camera: str
    run: str


@dataclass(frozen=True, slots=True)
class KnownStrangers:
    """The unknown people who can be recognised, of one model, at one version of their history."""

    version: int
    """last change of stranger_changes"""
    labels: I64
    """(N,) ascending, of the sightings that stand for strangers"""
    stranger_ids: tuple[str, ...]
    """(N,) whom each stands for, merges followed"""
    vectors: F32
    """(N, D) unit length; D is 0 where there is none"""
    qualities: F32
    """(N,)"""
    ignored: frozenset[str]
    """ids that no event tells of"""
    merged: Mapping[str, str]
    """id -> the id that a merged stranger goes on under, to the end of the chain"""

    def __post_init__(self) -> None:
        check_array("labels", self.labels, np.int64, ("N",))
        check_array("vectors", self.vectors, np.float32, ("N", "D"))
        check_array("qualities", self.qualities, np.float32, ("N",))
        check_rows(len(self.labels), vectors=self.vectors, qualities=self.qualities)

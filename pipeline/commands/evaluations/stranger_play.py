"""People of a photo set walking past cameras: their videos or frames as sightings, through what a run ends with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from pipeline.commands.evaluations.tracks import product_rule
from pipeline.events.event import EventType, FrameRef, Identity, IdentityEvent, Mode
from pipeline.events.strangers.sighting_log import CollectedSightings
from pipeline.events.strangers.strangers import StrangerIds
from pipeline.gallery.decision import decide
from pipeline.gallery.indexes.choose import choose_index
from pipeline.gallery.sightings.sighting_records import KnownStrangers
from pipeline.gallery.sightings.stranger_book import BookRules, Reach, StrangerBook
from pipeline.gallery.vectors import squared_l2
from pipeline.types import Candidate

if TYPE_CHECKING:
    from config.schema import Config
    from engines.evaluation.face_set import FaceSet
    from pipeline.arrays import F32, I64

CAMERAS = 3
FIRST_DAY = datetime(2024, 5, 1, 9, tzinfo=UTC)
APART = timedelta(minutes=10)
"""between two sightings: nobody is seen together with somebody else, so nobody is told apart by that"""
FIRST_FRAMES = 2
"""that a sighting's `new` rests on, sightings.min_shots; its `end` rests on all"""


@dataclass(frozen=True, slots=True)
class Appearance:
    """A sighting as it is going to be seen."""

    person: str
    stages: tuple[F32, ...]
    """(D,) unit length: what is known of the face at `new`, and at `end`"""
    qualities: tuple[float, ...]
    """of the best shot until then, for each"""
    frames: int


@dataclass(frozen=True, slots=True)
class Enrolled:
    """People of the gallery, a template each, and the rule by which they get their names."""

    people: tuple[str, ...]
    """(N,)"""
    vectors: F32
    """(N, D) unit length"""
    max_distance: float
    """squared L2"""
    min_margin: float
    """squared L2"""

    def who(self, vector: F32) -> Identity | None:
        """Whose name a face (D,) gets."""
        distances = squared_l2(vector, self.vectors)
        order = np.argsort(distances, kind="stable")[:2].tolist()
        people = [Candidate(self.people[row], self.people[row], float(distances[row])) for row in order]
        named = decide(people, self.max_distance, self.min_margin).identity
        return None if named is None else Identity(named.person_id, named.name)


@dataclass(frozen=True, slots=True)
class Played:
    """What became of the sightings of one play."""

    people: tuple[str, ...]
    """(N,) whom each shows"""
    ids: tuple[str | None, ...]
    """(N,) the stranger's id at its `end`; None where it was named"""
    names: tuple[str | None, ...]
    """(N,) whom of the gallery it was taken for"""
    reach: float
    """the distance for strangers in the end, squared L2"""


def appearances(faces: FaceSet, best_shots: int, *, whole_videos: bool) -> list[Appearance]:
    """Each video, or each frame, as a sighting. Frames without a face are left out."""
    found = faces.take(np.flatnonzero(faces.found))
    fuse = product_rule(best_shots)
    videos = found.group_numbers if whole_videos else np.arange(len(found), dtype=np.int64)
    seen = []
    for rows in _rows_of(videos):
        parts = [rows[: min(FIRST_FRAMES, len(rows))], rows]
        seen.append(
            Appearance(
                person=found.people[int(rows[0])],
                stages=tuple(fuse(found.vectors[part], found.quality[part]) for part in parts),
                qualities=tuple(float(found.quality[part].max()) for part in parts),
                frames=len(rows),
            )
        )
    return seen


def _rows_of(groups: I64) -> Iterator[I64]:
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    yield from np.split(order, starts[1:]) if len(order) else ()


def played(
    config: Config, seen: Sequence[Appearance], reach: Reach, seed: int, enrolled: Enrolled | None = None
) -> Played:
    """Let everybody walk past in a random order, each time before another camera, and say who they were."""
    keys = config.strangers
    nobody = KnownStrangers(
        version=0,
        labels=np.zeros(0, np.int64),
        stranger_ids=(),
        vectors=np.zeros((0, 0), np.float32),
        qualities=np.zeros(0, np.float32),
        ignored=frozenset(),
        merged={},
    )
    index = choose_index(config.matching.index, len(seen[0].stages[0]))
    book = StrangerBook(nobody, BookRules(keys.min_quality, keys.max_vectors), reach, index)
    strangers = StrangerIds(book, CollectedSightings(), config.sightings.gap_s)
    chance = np.random.default_rng(seed)
    ids: list[str | None] = [None] * len(seen)
    names: list[str | None] = [None] * len(seen)
    for number, row in enumerate(chance.permutation(len(seen)).tolist(), 1):
        camera = f"camera-{chance.integers(CAMERAS) + 1}"
        last = strangers.tell(list(_events(seen[row], camera, number, enrolled))).events[-1]
        ids[row] = last.stranger_id
        names[row] = None if last.identity is None else last.identity.name
    return Played(tuple(one.person for one in seen), tuple(ids), tuple(names), book.reach)


def _events(one: Appearance, camera: str, number: int, enrolled: Enrolled | None) -> Iterator[IdentityEvent]:
    """A sighting's `new` and `end`."""
    began = FIRST_DAY + number * APART
    identity: Identity | None = None
    for seq, (kind, vector, quality) in enumerate(
        zip((EventType.NEW, EventType.END), one.stages, one.qualities, strict=True), 1
    ):
        at = began + timedelta(seconds=seq)
        previous, identity = identity, None if enrolled is None else enrolled.who(vector)
        yield IdentityEvent(
            type=kind,
            mode=Mode.REPLAY,
            sighting_id=f"{camera}:play:{number}",
            seq=seq,
            camera=camera,
            identity=identity,
            previous_identity=previous if previous != identity else None,
            stranger_id=None,
            distance=None,
            threshold=0.0,
            margin=None,
            candidates=(),
            frames_fused=one.frames,
            quality=quality,
            box=(0.0, 0.0, 1.0, 1.0),
            frame=FrameRef(0, 0.0, 1, 1),
            first_seen_at=began,
            seen_at=at,
            published_at=at,
            timings_ms=None,
            detector="",
            embedder="",
            gallery_version=0,
            snapshot=None,
            template=vector,
        )

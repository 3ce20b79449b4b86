"""What holds of every sighting book, whatever tracks and matches it is shown."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.encode import encode
from pipeline.events.event import EventType, IdentityEvent, Mode
from pipeline.events.lifecycle import Closed, SightingBook
from pipeline.events.merge import PtsMerge
from pipeline.events.publish import PTS_SLACK_S
from pipeline.events.sighting import SightingRules
from pipeline.events.stage import EventContext, EventWriter
from pipeline.types import Candidate, Faces, FrameInfo, GalleryState, Match, Matched

RULES = SightingRules(
    max_distance=0.9,
    min_margin=0.1,
    keep_margin=0.1,
    decide_after_s=0.5,
    min_shots=2,
    gap_s=1.0,
    rejoin_distance=0.6,
    min_seen_s=0.2,
    update_quality_by=1.5,
    min_quality=0.1,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CONTEXT = EventContext(Mode.REPLAY, {"door": "abc"}, "centerface", "facenet", 5, 1.25, None)
PEOPLE = ("ann", "bob")
TEMPLATES = np.eye(3, dtype=np.float32)
"""three who do not look alike, a squared L2 of 2 apart"""


@dataclass(frozen=True)
class Shot:
    """An embedded face."""

    distances: tuple[float, ...]
    """to each of PEOPLE"""
    looks: int
    """row of TEMPLATES"""
    shots: int
    weight: float
    quality: float

    def match(self, track: int) -> Match:
        people = [Candidate(f"p_{n}", n, d) for n, d in zip(PEOPLE, self.distances, strict=True)]
        nearest = tuple(sorted(people, key=lambda c: c.distance))
        return Match(track, TEMPLATES[self.looks].copy(), self.shots, self.weight, self.quality, nearest)


@dataclass(frozen=True)
class Face:
    """One track in one frame."""

    found: bool
    shot: Shot | None
    ends: bool
    """the track is gone in the next frame"""


@dataclass(frozen=True)
class Step:
    """A frame: how long after the one before, and a face for each track there is, and for new ones."""

    dt_s: float
    followed: tuple[Face, ...]
    new: tuple[Face, ...]


SHOTS = st.builds(
    Shot,
    st.tuples(*[st.sampled_from([0.2, 0.4, 0.6, 0.85, 0.95, 1.3])] * len(PEOPLE)),
    st.integers(0, len(TEMPLATES) - 1),
    st.integers(1, 3),
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    st.sampled_from([0.0, 0.2, 0.5, 0.9]),
)
FACES = st.builds(
    Face, st.integers(0, 3).map(bool), st.none() | SHOTS, st.integers(0, 5).map(lambda n: not n)
)
STEPS = st.builds(
    Step,
    st.sampled_from([0.1, 0.1, 0.1, 0.0, 0.4, 1.1]),
    st.lists(FACES, min_size=4, max_size=4).map(tuple),
    st.lists(FACES, max_size=2).map(tuple),
)
SCENES = st.lists(STEPS, max_size=25)


def frames_of(scene: Sequence[Step]) -> Iterator[Matched]:
    """The frames of at most four tracks at a time.

    As the tracker does it: a track that is not found for gap_s is gone, and who is gone does not come back.
    """
    found_s: dict[int, float] = {}
    last, pts_s = 0, 0.0
    for index, step in enumerate(scene):
        pts_s = round(pts_s + step.dt_s, 6)
        faces = dict(zip(found_s, step.followed, strict=False))
        faces = {t: face for t, face in faces.items() if face.found or pts_s - found_s[t] <= RULES.gap_s}
        for face in step.new[: 4 - len(faces)]:
            last += 1
            faces[last] = replace(face, found=True)
        info = FrameInfo("door", index, pts_s, EPOCH + timedelta(seconds=pts_s), 1000, 1000, 0)
        yield frame_of(info, faces)
        found_s = {t: pts_s if face.found else found_s[t] for t, face in faces.items() if not face.ends}


def frame_of(info: FrameInfo, faces: dict[int, Face]) -> Matched:
    n = len(faces)
    boxes = np.array([[t, t, t + 50, t + 50] for t in faces], np.float32).reshape(n, 4)
    observed = np.array([face.found for face in faces.values()], np.bool_)
    matches = tuple(face.shot.match(t) for t, face in faces.items() if face.found and face.shot is not None)
    rows = Faces(boxes, np.zeros((n, 5, 2), np.float32), np.ones(n, np.float32))
    ids = np.array(list(faces), np.int64)
    return Matched(
        info, rows, ids, observed, np.full(n, 0.5, np.float32), matches, GalleryState(1, RULES.max_distance)
    )


@dataclass
class Told:
    """What a book said of a scene."""

    book: SightingBook = field(default_factory=lambda: SightingBook(RULES, EventWriter("door", CONTEXT)))
    events: list[IdentityEvent] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)

    def take(self, answer: tuple[list[IdentityEvent], list[Closed]]) -> list[IdentityEvent]:
        self.events += answer[0]
        self.closed += answer[1]
        return answer[0]


def tell(scene: Sequence[Step]) -> Told:
    told = Told()
    for item in frames_of(scene):
        told.take(told.book.advance(item))
    told.take(told.book.finish())
    return told


def found_in(item: Matched) -> list[int]:
    found: list[int] = item.track_ids[item.observed].tolist()
    return found


@given(scene=SCENES)
def test_no_person_is_named_twice_in_one_frame(scene: list[Step]) -> None:
    told = Told()
    for item in frames_of(scene):
        told.take(told.book.advance(item))
        named = told.book.named_tracks
        assert named.keys() <= set(item.track_ids.tolist())
        names = [named[track] for track in found_in(item) if track in named]
        assert len(names) == len(set(names))


@given(scene=SCENES)
def test_a_name_is_taken_from_a_face_before_another_in_the_frame_gets_it(scene: list[Step]) -> None:
    """Also for a reader that goes line by line."""
    told = Told()
    for item in frames_of(scene):
        given_to: dict[str, str] = {}
        for event in told.take(told.book.advance(item)):
            if event.previous_identity is not None:
                taken = event.previous_identity.id
                assert given_to.get(taken, event.sighting_id) == event.sighting_id
            if event.identity is not None and event.type is not EventType.END:
                given_to[event.identity.id] = event.sighting_id


@given(scene=SCENES)
def test_every_sighting_is_told_from_new_to_end_without_a_gap(scene: list[Step]) -> None:
    stories: dict[str, list[IdentityEvent]] = {}
    for event in tell(scene).events:
        stories.setdefault(event.sighting_id, []).append(event)
    assert list(stories) == [f"door:abc:{number}" for number in range(1, len(stories) + 1)]
    for events in stories.values():
        types = [event.type for event in events]
        assert types == [EventType.NEW, *[EventType.UPDATE] * (len(events) - 2), EventType.END]
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert len({event.first_seen_at for event in events}) == 1
        seen = [(event.frame.pts_s, event.frame.index) for event in events]
        assert seen == sorted(seen)
        who = None
        for event in events:
            assert event.previous_identity == (who if event.identity != who else None)
            who = event.identity


@given(scene=SCENES)
def test_who_was_in_a_frame_with_a_person_is_never_called_so(scene: list[Step]) -> None:
    """Of sightings that end: a track's last name is not that of whom it was ever found beside."""
    told = tell(scene)
    sighting = {track: number for number, closed in enumerate(told.closed) for track in closed.tracks}
    names = {n: c.identity.person_id for n, c in enumerate(told.closed) if c.identity is not None}
    for item in frames_of(scene):
        here = [names[sighting[track]] for track in found_in(item) if sighting.get(track) in names]
        assert len(here) == len(set(here))


@given(scene=SCENES)
def test_every_track_is_of_one_sighting_and_no_two_of_a_frame_of_the_same(scene: list[Step]) -> None:
    closed = tell(scene).closed
    sighting = {track: number for number, each in enumerate(closed) for track in each.tracks}
    assert len(sighting) == sum(len(each.tracks) for each in closed)
    for item in frames_of(scene):
        here = [sighting[track] for track in found_in(item)]
        assert len(here) == len(set(here))


@given(scene=SCENES)
def test_it_says_the_same_of_the_same_and_every_event_may_be_published(scene: list[Step]) -> None:
    first, second = ([encode(event) for event in tell(scene).events] for _ in range(2))
    assert first == second


@given(scene=SCENES)
def test_events_keep_the_promise_that_a_replay_is_merged_by(scene: list[Step]) -> None:
    """Raises where an event comes later than it may; a sighting's events stay in order."""
    told, merge, merged = Told(), PtsMerge(["door"]), list[IdentityEvent]()
    for item in frames_of(scene):
        merged += merge.push("door", told.take(told.book.advance(item)))
        merged += merge.advance("door", item.info.pts_s - RULES.gap_s - PTS_SLACK_S)
    merged += merge.push("door", told.take(told.book.finish()))
    merged += merge.finish("door")
    assert len(merged) == len(told.events)
    seqs: dict[str, int] = {}
    for event in merged:
        assert event.seq == seqs.get(event.sighting_id, 0) + 1
        seqs[event.sighting_id] = event.seq


@given(scene=SCENES)
def test_a_camera_that_ended_leaves_nothing_behind(scene: list[Step]) -> None:
    book = tell(scene).book
    assert not any(value for value in vars(book).values() if isinstance(value, dict))
    assert book.named_tracks == {}


def test_a_person_who_stays_for_weeks_leaves_no_more_than_one_who_came_today() -> None:
    """Her track is lost and found anew a thousand times; templates of tracks that are gone are let go."""
    told, kept = Told(), list[weakref.ref[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]]()
    for index in range(3000):
        shot = Shot((0.4, 1.3), 0, 3, 1.0 + index % 7 / 10, 0.5)
        faces = {index // 3: Face(True, shot, False)} if index % 3 else {}
        info = FrameInfo("door", index, index / 10, EPOCH + timedelta(seconds=index / 10), 1000, 1000, 0)
        item = frame_of(info, faces)
        kept += [weakref.ref(match.template) for match in item.matches]
        told.closed += told.book.advance(item)[1]  # its events are published and gone
        del item
    gc.collect()
    assert sum(reference() is not None for reference in kept) <= 2
    told.take(told.book.finish())
    assert len(told.closed) == 1
    assert len(told.closed[0].tracks) == 1000


@pytest.mark.parametrize("quality", [0.0, 0.5])
def test_the_same_shot_again_and_again_is_told_once(quality: float) -> None:
    shot = Shot((0.4, 1.3), 0, 3, quality, quality)
    scene = [
        Step(0.1, (Face(True, shot, False),), (Face(True, shot, False),) if n == 0 else ()) for n in range(9)
    ]
    assert [event.type for event in tell(scene).events] == [EventType.NEW, EventType.END]

"""What a book of sightings knows of each one's name: in its events, when it is over, and while it is open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.events.event import IdentityEvent
from pipeline.events.stage import LifecycleStage, Outcome
from pipeline.events.why.explanation import Explanation
from pipeline.events.why.shortfall import Facts, Reason, Shortfall
from pipeline.types import Faces, FrameInfo, GalleryState, Match, Matched, StreamEnd
from tests.events.door import CONTEXT, EPOCH, GALLERY, RULES, Door, match, people

PARTS = np.array([[0.9, 0.2, 1.0, 1.0, 1.0, 1.0]], np.float32)


class Nobody:
    """A board that nobody reads."""

    def publish(self, camera: str, frame_index: int, known_tracks: frozenset[int]) -> None:
        """Nothing."""

    def pause(self, camera: str, frames: int) -> None:
        """Nothing."""

    def finish(self, camera: str) -> None:
        """Nothing."""


def why(event: IdentityEvent) -> Explanation:
    assert event.explanation is not None
    return event.explanation


def short(event: IdentityEvent) -> Shortfall:
    found = why(event).shortfall
    assert found is not None
    return found


def test_a_named_sighting_is_explained_too() -> None:
    door = Door()
    door.frames(2, [1])
    door.frame([1], match(1, people(ann=0.5, bob=1.2)))
    door.frames(3, [1])
    door.end()
    new, end = door.events
    assert why(new).shortfall is None
    facts = why(end).facts
    assert (facts.looks, facts.shots, facts.over, facts.published) == (6, 3, True, True)
    assert [(near.name, near.distance) for near in facts.nearest] == [("ann", 0.5), ("bob", 1.2)]
    assert facts.seen_s == pytest.approx(0.5)
    assert facts.limits == RULES.limits
    assert (why(new).facts.over, why(new).facts.looks) == (False, 3)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (match(1, people(ann=1.3)), Shortfall(Reason.TOO_FAR, 1.3, 0.9)),
        (match(1, people(ann=0.5), shots=1), Shortfall(Reason.FEW_SHOTS, 1.0, 2.0)),
        (match(1, ()), Shortfall(Reason.EMPTY_GALLERY, 0.0, 1.0)),
    ],
)
def test_an_unknown_face_is_published_with_the_reason(shown: Match, said: Shortfall) -> None:
    door = Door()
    door.frame([1], shown)
    door.frames(12, [1])
    assert short(door.events[0]) == said


def test_who_would_have_a_name_that_somebody_else_has() -> None:
    door = Door()
    door.frame([1, 2], match(1, people(ann=0.4)), match(2, people(ann=0.6)))
    door.frames(12, [1, 2])
    of = {event.sighting_id: event for event in door.events}
    assert why(of["door:abc:1"]).shortfall is None
    assert short(of["door:abc:2"]).reason is Reason.NAME_TAKEN


def frame(index: int, quality: float, *, parts: bool = True, matches: tuple[Match, ...] = ()) -> Matched:
    """Track 1 at ten frames a second, 40 px wide."""
    info = FrameInfo("door", index, index / 10, EPOCH, 640, 360, 0)
    faces = Faces(
        np.array([[10, 10, 50, 70]], np.float32), np.zeros((1, 5, 2), np.float32), np.ones(1, np.float32)
    )
    return Matched(
        info,
        faces,
        np.array([1]),
        np.array([True]),
        np.array([quality], np.float32),
        matches,
        replace(GALLERY, people=3, comparable=2),
        PARTS if parts else None,
    )


def stage() -> LifecycleStage:
    return LifecycleStage(RULES, CONTEXT, Nobody())


def run(*frames: Matched) -> tuple[LifecycleStage, list[Outcome]]:
    decide = stage()
    return decide, [outcome for item in frames for outcome in decide.process([item])]


def facts_of(event: IdentityEvent) -> Facts:
    return why(event).facts


def test_the_clearest_look_is_remembered_with_what_spoils_it() -> None:
    frames = [frame(0, 0.02), frame(1, 0.05), frame(2, 0.03, parts=False)]
    _, outcomes = run(*frames, *(frame(at, 0.01) for at in range(3, 13)))
    (event,) = [event for outcome in outcomes for event in outcome.events]
    best = facts_of(event).best
    assert best is not None
    assert best.shorter_px == 40.0
    assert best.quality == pytest.approx(0.05)
    assert best.parts == pytest.approx(tuple(PARTS[0]))
    assert short(event).reason is Reason.BLURRED
    assert (facts_of(event).people, facts_of(event).comparable) == (3, 2)


def test_a_track_that_was_never_published_leaves_its_reason_when_it_is_over() -> None:
    decide, _ = run(frame(0, 0.05), frame(1, 0.04))
    (outcome,) = decide.end(StreamEnd("door", 2))
    (closed,) = outcome.closed
    assert (closed.number, outcome.events) == (None, ())
    assert closed.explanation is not None
    said = closed.explanation.shortfall
    assert said is not None
    assert (said.reason, said.limit) == (Reason.BLURRED, RULES.min_quality)
    assert said.measured == pytest.approx(0.05)
    assert closed.explanation.facts.published is False


def test_an_open_sighting_tells_how_it_is_now_and_says_nothing_by_that() -> None:
    decide, outcomes = run(
        *(frame(at, 0.5, parts=False, matches=(match(1, people(ann=1.3)),)) for at in range(12))
    )
    (new,) = [event for outcome in outcomes for event in outcome.events]
    decide.process([frame(12, 0.5, parts=False, matches=(match(1, people(ann=1.1)),))])
    now = decide.state_of("door:abc:1")
    assert now is not None
    assert (now.sighting_id, now.seq, short(now)) == (new.sighting_id, 1, Shortfall(Reason.TOO_FAR, 1.1, 0.9))
    assert facts_of(now).looks == 13
    assert decide.state_of("door:abc:1") == now
    (outcome,) = decide.end(StreamEnd("door", 13))
    assert [event.seq for event in outcome.events] == [2]
    assert decide.state_of("door:abc:1") is None


@pytest.mark.parametrize(
    "sighting_id",
    [
        "",
        "door",
        "door:abc:",
        "door:abc:²",
        "door:abc:2",
        "door:old:1",
        "yard:abc:1",
        "door:abc:" + "9" * 5000,
    ],
)
def test_who_is_not_open_is_nobody(sighting_id: str) -> None:
    decide, _ = run(*(frame(at, 0.5, parts=False, matches=(match(1, people(ann=1.3)),)) for at in range(12)))
    assert decide.state_of(sighting_id) is None


def test_a_gallery_that_asks_for_another_distance_is_judged_by_that() -> None:
    item = frame(0, 0.5, parts=False, matches=(match(1, people(ann=0.8)),))
    strict = replace(item, gallery=GalleryState(2, 0.7))
    decide = stage()
    for at in range(12):
        outcomes = decide.process([replace(strict, info=frame(at, 0.5).info, matches=item.matches)])
    (event,) = outcomes[0].events or decide.end(StreamEnd("door", 12))[0].events[:1]
    assert short(event) == Shortfall(Reason.TOO_FAR, 0.8, 0.7)

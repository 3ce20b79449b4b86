"""Books of sightings when a frame is lost in them: who heard of a sighting hears of its end, once and in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from pipeline.clock import ManualClock
from pipeline.events.event import EventType, IdentityEvent
from pipeline.events.stage import LifecycleStage, Outcome
from pipeline.runtime.feedback import FeedbackBoard
from pipeline.runtime.restarting import RestartingStage
from pipeline.runtime.restarts import RestartRules
from pipeline.types import Matched, StreamEnd
from tests.events.test_lifecycle_properties import CONTEXT, RULES, SCENES, Face, Shot, Step, frames_of


@dataclass
class Faults:
    """Fails the calls of these numbers, counted from 0."""

    fails: frozenset[int]
    calls: int = field(default=0)

    def now(self) -> datetime:
        """The wall clock, with which an event is written."""
        self._meet()
        return datetime(2024, 5, 1, tzinfo=UTC)

    def publish(self, camera: str, frame_index: int, known_tracks: frozenset[int]) -> None:
        """The board that decisions are posted on."""
        self._meet()

    def pause(self, camera: str, frames: int) -> None:
        self._meet()

    def finish(self, camera: str) -> None:
        self._meet()

    def _meet(self) -> None:
        self.calls += 1
        if self.calls - 1 in self.fails:
            raise RuntimeError("by chance")


def run(
    scene: Sequence[Step], fails: frozenset[int], pauses: frozenset[int]
) -> tuple[list[IdentityEvent], LifecycleStage]:
    """What subscribers are told of a scene while the stage fails, and the stage at its end."""
    faults = Faults(fails)
    stage = LifecycleStage(RULES, replace(CONTEXT, now=faults.now), faults)
    worked: RestartingStage[Matched, Outcome] = RestartingStage(
        stage, RestartRules(10_000, 600.0), lambda _: None, ManualClock()
    )
    events: list[IdentityEvent] = []
    frames = 0
    for item in frames_of(scene):
        for outcome in worked.process([item]).results:
            events += outcome.events
        frames = item.info.index + 1
        if frames in pauses:
            for outcome in worked.end(StreamEnd("door", frames, pause=True)):
                events += outcome.events
    if fails:  # an end is tried three times, and no more
        faults.fails = frozenset({faults.calls, faults.calls + 2})
    for outcome in worked.end(StreamEnd("door", frames)):
        events += outcome.events
    return events, stage


@given(
    scene=SCENES,
    fails=st.frozensets(st.integers(0, 40), max_size=12),
    pauses=st.frozensets(st.integers(0, 25), max_size=3),
)
def test_every_sighting_is_told_from_new_to_end_whatever_fails(
    scene: list[Step], fails: frozenset[int], pauses: frozenset[int]
) -> None:
    events, stage = run(scene, fails, pauses)
    stories: dict[str, list[IdentityEvent]] = {}
    for event in events:
        stories.setdefault(event.sighting_id, []).append(event)
    for story in stories.values():
        assert [event.seq for event in story] == list(range(1, len(story) + 1))
        kinds = [event.type for event in story]
        assert kinds == [EventType.NEW, *[EventType.UPDATE] * (len(kinds) - 2), EventType.END]
    for kept in (stage._books, stage._last, stage._owed, stage._doubted):
        assert not kept


@given(scene=SCENES, pauses=st.frozensets(st.integers(0, 25), max_size=5))
def test_after_a_pause_no_number_is_given_twice(scene: list[Step], pauses: frozenset[int]) -> None:
    events, _ = run(scene, frozenset(), pauses)
    opened = [event.sighting_id for event in events if event.type is EventType.NEW]
    assert opened == [f"door:abc:{number}" for number in range(1, len(opened) + 1)]


def test_when_two_frames_in_a_row_are_lost_the_sightings_end() -> None:
    board = FeedbackBoard(exact=False)
    stage = LifecycleStage(RULES, CONTEXT, board)
    ann = Face(True, Shot((0.4, 1.3), 0, 3, 1.0, 0.5), False)
    frames = list(frames_of([Step(0.1, (ann,) * 4, (ann,) if n == 0 else ()) for n in range(12)]))
    assert kinds(stage.process(frames[:9])) == [(EventType.NEW, "door:abc:1")]
    stage.lost("door")
    assert kinds(stage.process(frames[9:10])) == []
    stage.lost("door")  # not in a row: one went through in between
    assert kinds(stage.process(frames[10:11])) == []
    stage.lost("door")
    stage.lost("door")
    assert kinds(stage.process(frames[11:12])) == [
        (EventType.END, "door:abc:1"),
        (EventType.NEW, "door:abc:2"),
    ]


def kinds(outcomes: Sequence[Outcome]) -> list[tuple[EventType, str]]:
    """What was told, of which sighting."""
    return [(event.type, event.sighting_id) for outcome in outcomes for event in outcome.events]

"""The last stage when a sink fails: every event is told once and in order, or said to be given up."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.clock import ManualClock
from pipeline.events.event import IdentityEvent
from pipeline.events.memory_sink import MemorySink
from pipeline.events.publish import PublishingStage
from pipeline.events.stage import Outcome
from pipeline.runtime.place import Place
from pipeline.runtime.restarting import RestartingStage
from pipeline.runtime.restarts import RestartRules
from pipeline.types import FrameInfo, StreamEnd
from tests.events.strategies import an_event

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UnsureSink(MemorySink):
    """Fails at these calls of `publish`, counted from 0, and keeps what the others bring."""

    def __init__(self, *fails: int, refuses: str | None = None) -> None:
        super().__init__()
        self.opened = 0
        self._calls = 0
        self._fails = fails
        self._refuses = refuses

    def open(self) -> None:
        super().open()
        self.opened += 1

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        self._calls += 1
        if self._calls - 1 in self._fails or self._refuses in {event.sighting_id for event in events}:
            raise ConnectionError("no answer")
        super().publish(events)


def outcome(index: int, camera: str = "door") -> Outcome:
    """A frame in which a sighting of this number begins."""
    nobody = np.zeros(0, np.int64)
    info = FrameInfo(camera, index, index / 10, EPOCH, 64, 48, 0)
    event = an_event(camera, index)
    return Outcome(info, nobody, np.zeros((0, 4), np.float32), nobody.astype(np.bool_), (event,), ())


def live(*sinks: MemorySink, max_restarts: int = 9) -> tuple[RestartingStage[Outcome, None], list[Place]]:
    """The stage as a live run works it, open, and what it lost."""
    lost: list[Place] = []
    stage = PublishingStage(sinks, None, gap_s=1.0)
    stage.open()
    rules = RestartRules(max_restarts, 600.0)
    return RestartingStage(stage, rules, lost.extend, ManualClock()), lost


def give(stage: RestartingStage[Outcome, None], outcomes: Sequence[Outcome]) -> None:
    """A part at a time, as a worker does."""
    for part in stage.parts(list(outcomes)):
        stage.process(part)


def told(sink: MemorySink) -> list[int]:
    """Numbers of the sightings that a sink was told of."""
    return [int(event.sighting_id.rpartition(":")[2]) for event in sink.events]


def test_what_a_sink_did_not_take_is_told_first_when_it_is_open_again() -> None:
    first, unsure, last = MemorySink(), UnsureSink(1), MemorySink()
    stage, lost = live(first, unsure, last)
    give(stage, [outcome(index) for index in range(4)])
    assert told(first) == told(unsure) == told(last) == [0, 1, 2, 3]
    assert lost == [Place("door", 1)]
    assert unsure.opened == 2


def test_at_the_end_of_a_camera_nothing_is_owed() -> None:
    unsure = UnsureSink(1)
    stage, _ = live(unsure)
    give(stage, [outcome(0), outcome(1)])
    assert told(unsure) == [0]
    stage.end(StreamEnd("door", 2))
    assert told(unsure) == [0, 1]


def test_an_event_that_no_restart_makes_tellable_is_given_up_for_that_sink(
    caplog: pytest.LogCaptureFixture,
) -> None:
    strict, easy = UnsureSink(refuses="door:k3f9:1"), MemorySink()
    stage, lost = live(strict, easy)
    with caplog.at_level(logging.ERROR):
        give(stage, [outcome(index) for index in range(5)])
    assert told(strict) == [0, 2, 3, 4]
    assert told(easy) == [0, 1, 2, 3, 4]
    assert "1 events from door:k3f9:1#1 on: a sink is not told of them" in caplog.messages
    assert len(lost) == 2
    assert stage.so_far.restarts <= 2


def test_an_observer_with_a_bug_loses_no_event() -> None:
    sink, seen = MemorySink(), list[int]()

    def observe(outcome: Outcome) -> None:
        seen.append(outcome.info.index)
        if outcome.info.index == 1:
            raise ZeroDivisionError("no faces")

    stage = PublishingStage([sink], None, 1.0, [observe])
    stage.open()
    worked = RestartingStage(stage, RestartRules(9, 600.0), lambda _: None, ManualClock())
    give(worked, [outcome(index) for index in range(3)])
    assert told(sink) == [0, 1, 2]
    assert seen == [0, 1, 2]

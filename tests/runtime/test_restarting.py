"""A stage that fails: what is lost, what is tried again, and when it is given up."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from pipeline.clock import ManualClock
from pipeline.errors import StageError
from pipeline.runtime.buffer import ChannelClosed
from pipeline.runtime.place import Place
from pipeline.runtime.restarting import RestartingStage, RestartsSpentError
from pipeline.runtime.restarts import RestartRules
from pipeline.runtime.worker_thread import stage_error
from pipeline.types import Frame, StreamEnd
from tests.runtime.failing import Losses, TroubledStage
from tests.runtime.streams import frame

RULES = RestartRules(max_restarts=3, window_s=600.0, backoff_s=1.0)


class Stand:
    """A stage that is worked by hand."""

    def __init__(self, stage: TroubledStage, rules: RestartRules = RULES) -> None:
        self.clock = ManualClock()
        self.losses = Losses()
        self.stage = stage
        self.live: RestartingStage[Frame, Frame] = RestartingStage(stage, rules, self.losses, self.clock)

    def give(self, *items: tuple[str, int]) -> list[tuple[str, int]]:
        """Give these frames as one batch; those that went through."""
        passed: list[Frame] = []
        for part in self.live.parts([frame(camera, index) for camera, index in items]):
            attempt = self.live.process(part)
            assert attempt.results == attempt.passed
            passed += attempt.passed
        return [(item.info.camera, item.info.index) for item in passed]


def at(*bad: tuple[str, int]) -> TroubledStage:
    """A stage that takes its items one after the other and fails at these."""
    return TroubledStage(lambda camera, index: ValueError("odd") if (camera, index) in bad else None)


def test_a_frame_that_fails_is_lost_alone_and_told_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    stand = Stand(at(("a", 1)))
    with caplog.at_level(logging.WARNING):
        assert stand.give(("a", 0), ("b", 0), ("a", 1), ("b", 1)) == [("a", 0), ("b", 0), ("b", 1)]
    assert stand.losses.places == [Place("a", 1)]
    assert stand.stage.lost_of == ["a"]
    assert stand.stage.calls == ["close", "open"]
    assert "stage weak lost a, frame 1: ValueError: odd" in caplog.messages
    so_far = stand.live.so_far
    assert (so_far.failures, so_far.restarts) == (1, 1)
    assert so_far.last == "failed at a, frame 1: ValueError: odd"
    assert set(stand.stage.tried.values()) == {1}  # nothing that changes what is kept comes twice


def test_a_batch_worked_on_together_loses_the_poisonous_item_alone_without_a_restart() -> None:
    stage = TroubledStage(lambda camera, _: ValueError("odd") if camera == "x" else None, together=True)
    stand = Stand(stage)
    assert stand.give(("a", 0), ("x", 0), ("b", 0)) == [("a", 0), ("b", 0)]
    assert stand.losses.keys == [("x", 0)]
    assert (stage.calls, stage.lost_of) == ([], ["x"])
    assert stand.live.so_far.failures == 2  # the batch, then the item


def test_a_batch_that_passes_item_by_item_loses_nothing() -> None:
    failed: list[bool] = []

    def once(camera: str, index: int) -> Exception | None:
        failed.append(True)
        return RuntimeError("busy") if len(failed) == 1 else None

    stand = Stand(TroubledStage(once, together=True))
    assert stand.give(("a", 0), ("b", 0)) == [("a", 0), ("b", 0)]
    assert (stand.losses.places, stand.live.so_far.failures, stand.live.so_far.restarts) == ([], 1, 0)


def test_a_batch_of_which_nothing_passes_is_lost_whole_and_the_stage_is_opened_again() -> None:
    broken = [True]
    stage = TroubledStage(lambda *_: RuntimeError("gpu gone") if broken else None, together=True)
    stand = Stand(stage)
    assert stand.give(("a", 0), ("b", 0)) == []
    assert stand.losses.keys == [("a", 0), ("b", 0)]
    assert stage.calls == ["close", "open"]
    assert stand.clock.monotonic_s() == 1.0
    broken.clear()
    assert stand.give(("a", 1), ("b", 1)) == [("a", 1), ("b", 1)]


def test_a_camera_that_always_fails_rests_and_the_others_go_on_for_ever() -> None:
    stage = TroubledStage(lambda camera, _: ValueError("odd") if camera == "x" else None)
    stand = Stand(stage)
    for index in range(2000):
        assert stand.give(("a", index), ("x", index), ("b", index)) == [("a", index), ("b", index)]
        stand.clock.advance(0.1)
    assert len(stand.losses.places) == 2000
    tried = sum(count for (camera, _), count in stage.tried.items() if camera == "x")
    assert tried <= 12  # 200 s of waits that double
    assert stand.live.so_far.restarts == 1


def test_a_stage_that_does_not_open_again_is_tried_until_its_restarts_are_spent() -> None:
    stage = at(("a", 0))
    stage.opening = [OSError("no device"), None]
    stand = Stand(stage)
    assert stand.give(("a", 0), ("a", 1)) == [("a", 1)]
    assert stage.calls == ["close", "open", "close", "open"]
    assert stand.live.so_far.failures == 2
    assert stand.live.so_far.restarts == 1
    assert stand.clock.now() - ManualClock().now() == timedelta(seconds=1.0 + 2.0)

    stage = at(("a", 0))
    stage.opening = [OSError("no device")] * 9
    with pytest.raises(RestartsSpentError) as spent:
        Stand(stage).give(("a", 0))
    assert (spent.value.failure.times, spent.value.failure.place) == (4, None)


def test_beyond_its_restarts_the_failure_names_stage_frame_reason_and_how_often() -> None:
    stand = Stand(TroubledStage(lambda *_: RuntimeError("gpu\ngone")))
    for index in range(3):
        stand.give(("a", index))
    with pytest.raises(RestartsSpentError) as spent:
        stand.give(("a", 3))
    error = stage_error(spent.value.failure)
    assert isinstance(error, StageError)
    assert str(error) == "stage weak failed at a, frame 3: RuntimeError: gpu gone, after 3 restarts"
    assert stand.losses.keys == [("a", index) for index in range(4)]


def test_failures_far_apart_are_never_too_many() -> None:
    stand = Stand(TroubledStage(lambda _, index: RuntimeError("now and then") if index % 2 else None))
    for index in range(40):
        stand.give(("a", index))
        stand.clock.advance(200.0)
    assert stand.live.so_far.restarts == 20


def test_without_restarts_the_first_failure_is_the_last() -> None:
    for together in (False, True):
        stage = TroubledStage(
            lambda camera, _: ValueError("odd") if camera == "x" else None, together=together
        )
        stand = Stand(stage, RestartRules(max_restarts=0, window_s=600.0))
        with pytest.raises(RestartsSpentError):
            stand.give(("a", 0), ("x", 0))


def test_an_end_that_fails_is_tried_again_and_then_given_up() -> None:
    stage = at()
    stage.ending = [ValueError("book"), None]
    stand = Stand(stage)
    assert stand.live.end(StreamEnd("a", 3)) == ()
    assert stage.calls == ["end a", "close", "open", "end a"]
    assert stage.lost_of == ["a"]
    stage.ending = [ValueError("book")] * 3
    stand = Stand(stage, RestartRules(max_restarts=9, window_s=600.0))
    assert stand.live.end(StreamEnd("a", 3)) == ()
    assert stage.ending == []


def test_a_stopped_run_opens_nothing_again_and_a_hurried_one_waits_no_longer() -> None:
    stand = Stand(TroubledStage(lambda *_: RuntimeError("gone")))
    stand.live.hurry()
    stand.give(("a", 0))
    assert stand.clock.monotonic_s() == 0.0
    stand.live.halt()
    with pytest.raises(ChannelClosed):
        stand.give(("a", 1))
    assert stand.stage.calls == ["close", "open", "close"]


def test_a_stage_that_learns_of_a_stop_has_not_failed() -> None:
    stand = Stand(TroubledStage(lambda *_: ChannelClosed("feedback")))
    with pytest.raises(ChannelClosed):
        stand.give(("a", 0))
    assert stand.losses.places == []
    assert stand.live.so_far.failures == 0


def test_what_it_is_at_is_known_while_it_is_at_it() -> None:
    stand = Stand(at())
    seen: list[tuple[Place | None, float]] = []

    def look(camera: str, index: int) -> None:
        stand.clock.advance(2.0)
        busy = stand.live.busy
        assert busy is not None
        seen.append((busy.place, stand.live.busy_s()))

    stand.stage._trouble = look
    assert stand.give(("a", 4)) == [("a", 4)]
    assert seen == [(Place("a", 4), 2.0)]
    assert stand.live.busy is None
    assert stand.live.busy_s() == 0.0

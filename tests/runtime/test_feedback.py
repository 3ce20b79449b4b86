"""The board answers as of exactly the frame asked for, whenever it is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.buffer import ChannelClosed, Overflow
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.feedback import FeedbackBoard
from pipeline.runtime.line import Step
from pipeline.runtime.supervisor import Supervisor
from pipeline.types import Frame
from tests.runtime.streams import ListSource, PassStage, running

STATES = st.lists(st.frozensets(st.integers(1, 3)), min_size=1, max_size=30)


@given(states=STATES, data=st.data())
def test_the_answer_is_that_frames_own_state(states: list[frozenset[int]], data: st.DataObject) -> None:
    board = FeedbackBoard()
    for index, state in enumerate(states):
        board.publish("a", index, state)
    asked = sorted(data.draw(st.lists(st.integers(-3, len(states) - 1))))
    for index in asked:
        assert board.state_at("a", index) == (states[index] if index >= 0 else frozenset())
    assert board.latest("a") == states[-1]


@given(states=STATES, lag=st.integers(1, 6))
def test_a_gate_that_waits_sees_the_same_as_one_that_comes_late(
    states: list[frozenset[int]], lag: int
) -> None:
    board = FeedbackBoard()
    seen: list[frozenset[int]] = []

    def ask() -> None:
        seen.extend(board.state_at("a", index - lag) for index in range(len(states)))

    with running(ask):
        for index, state in enumerate(states):
            board.publish("a", index, state)
    assert seen == [states[index - lag] if index >= lag else frozenset() for index in range(len(states))]


def test_cameras_are_apart() -> None:
    board = FeedbackBoard()
    board.publish("a", 0, frozenset({1}))
    board.publish("b", 0, frozenset({2}))
    assert board.state_at("a", 0) == {1}
    assert board.state_at("b", 0) == {2}
    assert board.latest("c") == frozenset()


@pytest.mark.parametrize(("lag", "max_batch"), [(1, 1), (4, 4), (24, 24), (24, 7)])
def test_a_gate_in_a_run_sees_exactly_the_results_of_lag_frames_ago(lag: int, max_batch: int) -> None:
    board = FeedbackBoard()
    seen: dict[tuple[str, int], frozenset[int]] = {}

    def ask(item: Frame) -> None:
        info = item.info
        seen[info.camera, info.index] = board.state_at(info.camera, info.index - lag)

    def tell(item: Frame) -> None:
        board.publish(item.info.camera, item.info.index, frozenset({item.info.index}))

    fan_in: FanIn[Frame] = FanIn(16, Overflow.BLOCK, "frames")
    steps = [
        Step(PassStage("early"), 4),
        Step(PassStage("gate", ask), max_batch),
        Step(PassStage("late", tell), 32),
    ]
    with Supervisor(fan_in, steps, abortables=[board]) as run:
        run.start([ListSource("a", 150), ListSource("b", 60)])
        assert run.wait().complete
    for (_, index), state in seen.items():
        assert state == (frozenset({index - lag}) if index >= lag else frozenset())
    assert len(seen) == 210


def test_what_is_older_than_the_last_question_is_gone() -> None:
    board = FeedbackBoard()
    for index in range(4):
        board.publish("a", index, frozenset({index}))
    assert board.state_at("a", 2) == {2}
    with pytest.raises(LookupError, match="the state at frame 1 is gone"):
        board.state_at("a", 1)


def test_live_answers_with_the_newest_at_once_even_for_frames_that_were_dropped() -> None:
    board = FeedbackBoard(exact=False)
    assert board.state_at("a", 5) == frozenset()
    board.publish("a", 0, frozenset({1}))
    board.publish("a", 9, frozenset({2}))
    assert board.state_at("a", 100) == {2}
    assert board.state_at("a", 3) == {2}


@pytest.mark.parametrize(("exact", "most"), [(True, 26), (False, 1)])
def test_weeks_leave_no_more_behind_than_an_hour(exact: bool, most: int) -> None:
    board = FeedbackBoard(exact)
    for index in range(1000):
        board.publish("a", index, frozenset({index}))
        board.state_at("a", index - 24)
        assert board.held <= most


def test_frames_come_in_order_and_once() -> None:
    board = FeedbackBoard()
    board.publish("a", 3, frozenset())
    with pytest.raises(ValueError, match="a: frame 3 published after frame 3"):
        board.publish("a", 3, frozenset())


def test_abort_wakes_who_waits_and_refuses_who_comes_later() -> None:
    board = FeedbackBoard()

    def ask() -> None:
        with pytest.raises(ChannelClosed):
            board.state_at("a", 0)

    with running(ask):
        board.abort()
    ask()


def test_a_camera_that_finishes_leaves_nobody_waiting_and_nothing_behind() -> None:
    board = FeedbackBoard()
    board.publish("a", 0, frozenset({1}))
    outcome: list[str] = []

    def ask() -> None:
        try:
            board.state_at("a", 5)
        except (LookupError, ChannelClosed) as error:
            outcome.append(type(error).__name__)

    with running(ask):
        board.finish("a")
        board.abort()  # for a thread that asks only now, and would wait for a new camera of this name
    assert outcome in (["LookupError"], ["ChannelClosed"])
    assert board.latest("a") == frozenset()


def test_a_new_camera_of_an_old_name_starts_with_nobody_known() -> None:
    board = FeedbackBoard()
    board.publish("a", 7, frozenset({1}))
    board.finish("a")
    board.finish("a")
    board.publish("a", 0, frozenset())
    assert board.state_at("a", 0) == frozenset()


def test_a_camera_that_is_away_is_known_nobody_in_until_it_goes_on() -> None:
    newest = FeedbackBoard(exact=False)
    newest.publish("a", 7, frozenset({1}))
    newest.pause("a", 12)
    newest.pause("never there", 3)
    assert newest.latest("a") == frozenset()
    newest.publish("a", 12, frozenset({2}))
    assert newest.latest("a") == frozenset({2})

    exact = FeedbackBoard()
    exact.publish("a", 0, frozenset({1}))
    exact.pause("a", 3)  # two frames more were decoded, and none of them came here
    assert exact.state_at("a", 0) == frozenset({1})
    assert exact.state_at("a", 2) == frozenset({1})
    exact.publish("a", 3, frozenset())
    assert exact.state_at("a", 3) == frozenset()
    exact.publish("a", 4, frozenset({2}))
    assert exact.state_at("a", 4) == frozenset({2})

"""Batches wait until they are worth a call, and never for themselves."""

from __future__ import annotations

import pytest

from pipeline.runtime.buffer import ChannelClosed, Overflow
from pipeline.runtime.channel import Channel
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.feedback import FeedbackBoard
from pipeline.runtime.gathering import Gather, Gathering, shares_of_lag
from pipeline.runtime.line import Step
from pipeline.runtime.supervisor import Supervisor
from pipeline.types import Frame, StreamEnd
from tests.runtime.streams import ListSource, PassStage, frame, running


def every_third(item: Frame) -> int:
    """One crop in frames 0, 3, 6, ..."""
    return int(item.info.index % 3 == 0)


def filled(*items: Frame | StreamEnd) -> Channel[Frame]:
    channel: Channel[Frame] = Channel(64, Overflow.BLOCK, "embed")
    for item in items:
        channel.put(item)
    return channel


def of_camera(camera: str, count: int) -> list[Frame]:
    return [frame(camera, index) for index in range(count)]


def test_a_batch_is_full_with_enough_work() -> None:
    channel = filled()
    inbox = Gathering(channel, Gather(every_third, enough=3, frames=50))
    taken: list[int] = []
    with running(lambda: taken.append(len(inbox.take(100)))):
        for item in of_camera("a", 7):
            channel.put(item)
    assert taken == [7]


@pytest.mark.parametrize("cameras", [1, 3])
def test_a_batch_is_full_with_so_many_frames_of_one_camera(cameras: int) -> None:
    channel = filled()
    inbox = Gathering(channel, Gather(lambda _: 0, enough=1, frames=4))
    taken: list[int] = []
    with running(lambda: taken.append(len(inbox.take(100)))):
        for index in range(4):
            for camera in "abc"[:cameras]:
                if not (index == 3 and camera != "a"):
                    channel.put(frame(camera, index))
    assert taken == [3 * cameras + 1]


def test_a_camera_that_ends_is_told_at_once() -> None:
    inbox = Gathering(filled(frame("a", 0), StreamEnd("a", 1)), Gather(every_third, enough=9, frames=9))
    assert [type(item) for item in inbox.take(100)] == [Frame, StreamEnd]


def test_no_more_than_asked_for() -> None:
    inbox = Gathering(filled(*of_camera("a", 5)), Gather(lambda _: 0, enough=1, frames=9))
    assert len(inbox.take(3)) == 3


def test_what_was_gathered_when_nothing_more_comes_is_given_first() -> None:
    channel = filled(*of_camera("a", 2))
    inbox = Gathering(channel, Gather(every_third, enough=9, frames=9))
    channel.close()
    assert len(inbox.take(100)) == 2
    with pytest.raises(ChannelClosed):
        inbox.take(100)


@pytest.mark.parametrize(("enough", "frames"), [(0, 1), (1, 0)])
def test_a_batch_of_nothing_is_refused(enough: int, frames: int) -> None:
    with pytest.raises(ValueError, match="enough and frames must be at least 1"):
        Gather(every_third, enough, frames)


@pytest.mark.parametrize("lag", [*range(1, 8), 24, 25, 26])
def test_the_lag_is_used_up_and_not_exceeded(lag: int) -> None:
    shares = shares_of_lag(lag)
    assert min(shares.asking, shares.gathered) >= 1
    assert shares.asking + shares.gathered == lag + 1


@pytest.mark.parametrize("lag", [1, 2, 3, 4, 7, 24])
@pytest.mark.parametrize("counts", [[150], [90, 41, 3]])
def test_who_asks_for_what_is_gathered_gets_it_and_no_other(lag: int, counts: list[int]) -> None:
    board, shares = FeedbackBoard(), shares_of_lag(lag)
    seen: dict[tuple[str, int], frozenset[int]] = {}

    def ask(item: Frame) -> None:
        info = item.info
        seen[info.camera, info.index] = board.state_at(info.camera, info.index - lag)

    def tell(item: Frame) -> None:
        board.publish(item.info.camera, item.info.index, frozenset({item.info.index}))

    gathered = PassStage("gathered")
    steps = [
        Step(PassStage("early"), 4),
        Step(PassStage("gate", ask), shares.asking),
        Step(gathered, 100, gather=Gather(lambda _: 0, 1, shares.gathered)),
        Step(PassStage("late", tell), 32),
    ]
    fan_in: FanIn[Frame] = FanIn(16, Overflow.BLOCK, "frames")
    with Supervisor(fan_in, steps, abortables=[board]) as run:
        run.start([ListSource(camera, count) for camera, count in zip("abc", counts, strict=False)])
        assert run.wait().complete
    assert len(seen) == sum(counts)
    for (_, index), state in seen.items():
        assert state == (frozenset({index - lag}) if index >= lag else frozenset())
    if len(counts) == 1:
        assert gathered.sizes[0] >= shares.gathered

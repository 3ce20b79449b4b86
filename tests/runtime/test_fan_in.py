"""Many cameras, one taker: nobody starves, nobody holds up others, order is kept."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.buffer import ChannelClosed, Overflow
from pipeline.runtime.fan_in import FanIn
from pipeline.types import Frame, StreamEnd
from tests.runtime.streams import JOIN_S, frame, running

COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 8), min_size=1)


def places(batch: list[Frame | StreamEnd]) -> list[tuple[str, int | None]]:
    """Camera and frame index of each item; None for the end."""
    return [
        (item.camera, None) if isinstance(item, StreamEnd) else (item.info.camera, item.info.index)
        for item in batch
    ]


def filled(counts: dict[str, int], capacity: int = 9, overflow: Overflow = Overflow.BLOCK) -> FanIn[Frame]:
    """A closed fan-in holding so many frames of each camera, and their ends."""
    fan_in: FanIn[Frame] = FanIn(capacity, overflow, "frames")
    for camera, count in counts.items():
        fan_in.add(camera)
        for index in range(count):
            fan_in.put(frame(camera, index))
        fan_in.put(StreamEnd(camera, count))
    fan_in.close()
    return fan_in


def drain(fan_in: FanIn[Frame], max_items: int = 4) -> list[Frame | StreamEnd]:
    """Everything that is left in a closed fan-in."""
    left: list[Frame | StreamEnd] = []
    while True:
        try:
            left += fan_in.take(max_items)
        except ChannelClosed:
            return left


@given(counts=COUNTS, max_items=st.integers(1, 10))
def test_cameras_are_taken_in_turn(counts: dict[str, int], max_items: int) -> None:
    taken = places(drain(filled(counts), max_items))
    for camera, count in counts.items():
        assert [index for name, index in taken if name == camera] == [*range(count), None]
    # While two cameras both have something, neither is more than one item ahead of the other.
    for end in range(len(taken)):
        served = Counter(name for name, _ in taken[:end])
        waiting = [camera for camera, count in counts.items() if served[camera] <= count]
        assert max(served[camera] for camera in waiting) - min(served[camera] for camera in waiting) <= 1


@given(counts=COUNTS, capacity=st.integers(1, 4), max_items=st.integers(1, 5))
def test_running_cameras_lose_nothing_and_keep_their_order(
    counts: dict[str, int], capacity: int, max_items: int
) -> None:
    fan_in: FanIn[Frame] = FanIn(capacity, Overflow.BLOCK, "frames")
    for camera in counts:
        fan_in.add(camera)

    def give(camera: str) -> None:
        for index in range(counts[camera]):
            fan_in.put(frame(camera, index))
        fan_in.put(StreamEnd(camera, counts[camera]))

    taken: list[tuple[str, int | None]] = []
    with running(*[lambda camera=camera: give(camera) for camera in counts]):
        while len(taken) < sum(counts.values()) + len(counts):
            batch = fan_in.take(max_items, timeout_s=JOIN_S)
            assert 1 <= len(batch) <= max_items
            taken += places(batch)
    for camera, count in counts.items():
        assert [index for name, index in taken if name == camera] == [*range(count), None]
    assert fan_in.high_water <= capacity
    assert len(fan_in) == 0


def test_a_silent_camera_holds_up_nobody_and_is_served_first_when_it_speaks() -> None:
    fan_in: FanIn[Frame] = FanIn(4, Overflow.BLOCK, "frames")
    fan_in.add("silent")
    fan_in.add("busy")
    for index in range(4):
        fan_in.put(frame("busy", index))
    assert places(fan_in.take(2)) == [("busy", 0), ("busy", 1)]
    fan_in.put(frame("silent", 0))
    assert places(fan_in.take(2)) == [("silent", 0), ("busy", 2)]


def test_a_full_camera_does_not_block_another() -> None:
    fan_in: FanIn[Frame] = FanIn(1, Overflow.BLOCK, "frames")
    fan_in.add("a")
    fan_in.add("b")
    fan_in.put(frame("a", 0))
    with running(lambda: fan_in.put(frame("a", 1))):
        fan_in.put(frame("b", 0))
        taken: list[tuple[str, int | None]] = []
        while len(taken) < 3:
            taken += places(fan_in.take(4, timeout_s=JOIN_S))
    assert sorted(taken, key=str) == [("a", 0), ("a", 1), ("b", 0)]


def test_live_drops_a_cameras_own_oldest_and_counts_it_even_after_the_camera_is_gone() -> None:
    fan_in = filled({"fast": 6, "slow": 1}, capacity=3, overflow=Overflow.DROP_OLDEST)
    assert fan_in.dropped() == {"fast": 3}
    taken = places(drain(fan_in))
    assert taken == [("fast", 3), ("slow", 0), ("fast", 4), ("slow", None), ("fast", 5), ("fast", None)]
    assert fan_in.dropped() == {"fast": 3}
    assert fan_in.high_water == 4


def test_a_batch_waits_to_fill_from_several_cameras() -> None:
    fan_in: FanIn[Frame] = FanIn(4, Overflow.DROP_OLDEST, "frames")
    for camera in "abc":
        fan_in.add(camera)
    fan_in.put(frame("a", 0))
    with running(lambda: fan_in.put(frame("b", 0)), lambda: fan_in.put(frame("c", 0))):
        assert len(fan_in.take(3, fill_s=JOIN_S)) == 3
    fan_in.put(frame("a", 1))
    assert places(fan_in.take(3, fill_s=0.001)) == [("a", 1)]


def test_removing_a_camera_sends_its_end_behind_what_it_gave_and_refuses_more() -> None:
    fan_in: FanIn[Frame] = FanIn(4, Overflow.BLOCK, "frames")
    fan_in.add("a")
    fan_in.put(frame("a", 0))
    fan_in.remove("a")
    fan_in.remove("a")
    fan_in.remove("never there")
    with pytest.raises(ChannelClosed):
        fan_in.put(frame("a", 1))
    taken = fan_in.take(9)
    assert taken[1:] == [StreamEnd("a", 1)]
    assert places(taken) == [("a", 0), ("a", None)]


def test_removing_a_camera_wakes_its_blocked_thread() -> None:
    fan_in: FanIn[Frame] = FanIn(1, Overflow.BLOCK, "frames")
    fan_in.add("a")
    fan_in.put(frame("a", 0))

    def give() -> None:
        with pytest.raises(ChannelClosed):
            fan_in.put(frame("a", 1))

    with running(give):
        fan_in.remove("a")


def test_a_name_is_free_again_once_its_end_was_taken() -> None:
    fan_in: FanIn[Frame] = FanIn(2, Overflow.BLOCK, "frames")
    fan_in.add("a")
    with pytest.raises(ValueError, match="'a' is running already"):
        fan_in.add("a")
    fan_in.put(StreamEnd("a", 0))
    with pytest.raises(ValueError, match="'a' is running already"):
        fan_in.add("a")
    fan_in.take(1)
    fan_in.add("a")
    fan_in.put(frame("a", 0))
    assert places(fan_in.take(1)) == [("a", 0)]


def test_a_paused_camera_keeps_its_place_and_may_go_on() -> None:
    fan_in: FanIn[Frame] = FanIn(1, Overflow.DROP_OLDEST, "frames")
    fan_in.add("a")
    for _ in range(3):
        fan_in.put(StreamEnd("a", 0, "no answer", pause=True))
    fan_in.put(frame("a", 0))
    fan_in.put(StreamEnd("a", 1, "it went away", pause=True))
    for index in range(1, 4):
        fan_in.put(frame("a", index))
    assert len(fan_in) == 2
    assert fan_in.take(1) == [StreamEnd("a", 1, "it went away", pause=True)]
    assert places(fan_in.take(1)) == [("a", 3)]
    assert fan_in.dropped() == {"a": 3}
    with pytest.raises(ValueError, match="'a' is running already"):
        fan_in.add("a")
    fan_in.put(StreamEnd("a", 4, pause=True))
    fan_in.remove("a", frames=9)
    assert fan_in.take(9) == [StreamEnd("a", 9)]
    fan_in.add("a")


def test_an_unknown_camera_and_a_closed_fan_in_refuse() -> None:
    fan_in: FanIn[Frame] = FanIn(2, Overflow.BLOCK, "frames")
    with pytest.raises(ChannelClosed):
        fan_in.put(frame("nobody", 0))
    fan_in.close()
    with pytest.raises(ChannelClosed):
        fan_in.add("a")
    with pytest.raises(ChannelClosed):
        fan_in.take(1)


def test_abort_wakes_taker_and_givers_and_forgets_what_is_queued() -> None:
    fan_in: FanIn[Frame] = FanIn(1, Overflow.BLOCK, "frames")
    fan_in.add("a")
    fan_in.put(frame("a", 0))

    def give() -> None:
        with pytest.raises(ChannelClosed):
            fan_in.put(frame("a", 1))

    with running(give):
        fan_in.abort()
    with pytest.raises(ChannelClosed):
        fan_in.take(1)


def test_an_empty_take_ends_with_its_time() -> None:
    fan_in: FanIn[Frame] = FanIn(1, Overflow.BLOCK, "frames")
    assert fan_in.take(1, timeout_s=0.001) == []

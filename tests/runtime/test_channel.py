"""The bounded queue: order, bounds, drops, closing."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.buffer import ChannelClosed, Overflow
from pipeline.runtime.channel import Channel
from pipeline.types import StreamEnd
from tests.runtime.streams import JOIN_S, running


@dataclass(frozen=True)
class Item:
    camera: str
    number: int


def drain(channel: Channel[Item]) -> list[Item | StreamEnd]:
    """Everything that is left in a closed channel."""
    left: list[Item | StreamEnd] = []
    while True:
        try:
            left += channel.take(3)
        except ChannelClosed:
            return left


@given(
    capacity=st.integers(1, 5),
    numbers=st.lists(st.integers(), max_size=40),
    max_items=st.integers(1, 7),
)
def test_block_loses_nothing_keeps_order_and_never_exceeds_capacity(
    capacity: int, numbers: list[int], max_items: int
) -> None:
    channel: Channel[Item] = Channel(capacity, Overflow.BLOCK, "detect")
    items = [Item("a", number) for number in numbers]
    taken: list[Item | StreamEnd] = []

    def give() -> None:
        for item in items:
            channel.put(item)
        channel.close()

    with running(give):
        while True:
            try:
                batch = channel.take(max_items, timeout_s=JOIN_S)
            except ChannelClosed:
                break
            assert 1 <= len(batch) <= max_items
            taken += batch
    assert taken == items
    assert channel.high_water <= capacity
    assert channel.dropped() == {}


@given(
    capacity=st.integers(1, 4),
    cameras=st.lists(st.sampled_from("abc"), max_size=30),
    ends=st.sets(st.sampled_from("abc")),
)
def test_drop_oldest_keeps_the_newest_and_every_end_and_counts_the_rest(
    capacity: int, cameras: list[str], ends: set[str]
) -> None:
    channel: Channel[Item] = Channel(capacity, Overflow.DROP_OLDEST, "detect")
    stream: list[Item | StreamEnd] = [Item(camera, number) for number, camera in enumerate(cameras)]
    stream += [StreamEnd(camera, 0) for camera in sorted(ends)]
    for item in stream:
        channel.put(item)
    channel.close()
    left = drain(channel)
    kept = [item for item in left if isinstance(item, Item)]
    assert [item for item in left if isinstance(item, StreamEnd)] == stream[len(cameras) :]
    assert kept == stream[len(cameras) - len(kept) : len(cameras)]
    assert len(kept) == min(len(cameras), capacity)
    assert channel.dropped() == Counter(cameras[: len(cameras) - len(kept)])


def test_an_end_between_items_keeps_its_place_when_older_items_are_dropped() -> None:
    channel: Channel[Item] = Channel(2, Overflow.DROP_OLDEST, "detect")
    end = StreamEnd("a", 1)
    for item in (Item("a", 0), end, Item("b", 1), Item("b", 2), Item("b", 3)):
        channel.put(item)
    assert channel.take(9) == [end, Item("b", 2), Item("b", 3)]
    assert channel.dropped() == {"a": 1, "b": 1}


PAUSES = st.sampled_from("ab").flatmap(
    lambda camera: st.just(Item(camera, 0)) | st.just(StreamEnd(camera, 0, pause=True))
)


@given(capacity=st.integers(1, 3), stream=st.lists(PAUSES, max_size=60))
def test_cameras_that_flap_while_nobody_takes_leave_one_pause_between_two_items(
    capacity: int, stream: list[Item | StreamEnd]
) -> None:
    channel: Channel[Item] = Channel(capacity, Overflow.DROP_OLDEST, "detect")
    for item in stream:
        channel.put(item)
        assert len(channel) <= 2 * capacity + 2  # one before each item, and one of each camera behind
    channel.close()
    left = drain(channel)
    for camera in "ab":
        kinds = [isinstance(item, StreamEnd) for item in left if item.camera == camera]
        assert (True, True) not in set(pairwise(kinds))
        of_camera = [item for item in stream if item.camera == camera]
        assert kinds[-1:] == [True] or not of_camera or isinstance(of_camera[-1], Item)
    assert sum(channel.dropped().values()) + sum(isinstance(item, Item) for item in left) == sum(
        isinstance(item, Item) for item in stream
    )


def test_a_taker_waits_its_time_and_then_gets_nothing() -> None:
    channel: Channel[Item] = Channel(1, Overflow.BLOCK, "detect")
    assert channel.take(1, timeout_s=0.001) == []


def test_a_batch_waits_to_fill() -> None:
    channel: Channel[Item] = Channel(8, Overflow.BLOCK, "embed")
    channel.put(Item("a", 0))
    with running(lambda: channel.put(Item("a", 1)), lambda: channel.put(Item("a", 2))):
        assert len(channel.take(3, fill_s=JOIN_S)) == 3


def test_a_batch_that_does_not_fill_goes_as_it_is() -> None:
    channel: Channel[Item] = Channel(8, Overflow.BLOCK, "embed")
    channel.put(Item("a", 0))
    assert channel.take(3, fill_s=0.001) == [Item("a", 0)]


def test_a_full_channel_does_not_wait_for_a_larger_batch() -> None:
    channel: Channel[Item] = Channel(2, Overflow.BLOCK, "embed")
    channel.put(Item("a", 0))
    channel.put(Item("a", 1))
    assert len(channel.take(5, fill_s=JOIN_S * 100)) == 2


def test_closing_ends_a_waiting_batch() -> None:
    channel: Channel[Item] = Channel(8, Overflow.BLOCK, "embed")
    channel.put(Item("a", 0))
    with running(channel.close):
        assert channel.take(3, fill_s=JOIN_S * 100) == [Item("a", 0)]


def test_put_after_close_is_refused() -> None:
    channel: Channel[Item] = Channel(2, Overflow.DROP_OLDEST, "detect")
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.put(Item("a", 0))


@pytest.mark.parametrize("end", ["close", "abort"])
def test_everyone_blocked_wakes(end: str) -> None:
    empty: Channel[Item] = Channel(1, Overflow.BLOCK, "detect")
    full: Channel[Item] = Channel(1, Overflow.BLOCK, "track")
    full.put(Item("a", 0))
    closed: list[str] = []
    started = threading.Barrier(4)

    def take() -> None:
        started.wait(JOIN_S)
        with pytest.raises(ChannelClosed):
            empty.take(1)
        closed.append("taker")

    def put() -> None:
        started.wait(JOIN_S)
        with pytest.raises(ChannelClosed):
            full.put(Item("a", 1))
        closed.append("giver")

    with running(take, take, put):
        started.wait(JOIN_S)
        for channel in (empty, full):
            getattr(channel, end)()
    assert sorted(closed) == ["giver", "taker", "taker"]


def test_close_keeps_the_contents_and_abort_forgets_them() -> None:
    channel: Channel[Item] = Channel(2, Overflow.BLOCK, "detect")
    channel.put(Item("a", 0))
    channel.close()
    assert drain(channel) == [Item("a", 0)]
    channel = Channel(2, Overflow.BLOCK, "detect")
    channel.put(Item("a", 0))
    channel.abort()
    assert drain(channel) == []
    assert len(channel) == 0


def test_two_takers_share_what_one_gives() -> None:
    channel: Channel[Item] = Channel(2, Overflow.BLOCK, "detect")
    items = [Item("a", number) for number in range(200)]
    taken: list[Item | StreamEnd] = []

    def take() -> None:
        taken.extend(drain(channel))

    with running(take, take):
        for item in items:
            channel.put(item)
        channel.close()
    assert Counter(taken) == Counter(items)


def test_a_queue_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity must be at least 1, got 0"):
        Channel(0, Overflow.BLOCK, "detect")

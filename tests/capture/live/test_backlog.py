"""The queue between reading and decoding: bounded, in order, and what it leaves out is never missed by a decoder."""

from __future__ import annotations

import threading

import pytest
from av.packet import Packet
from hypothesis import given
from hypothesis import strategies as st

from pipeline.capture.live.backlog import (
    LATE_S,
    MAX_BYTES,
    MAX_PACKETS,
    TOO_LATE_S,
    Arrived,
    Backlog,
    Ended,
    Opened,
)

GROUP = 25


def arrived(number: int, at_s: float, key: bool | None = None, size: int = 10) -> Arrived:
    """Packet `number` of a stream with a keyframe every second."""
    packet = Packet(size)
    packet.pts = number
    packet.is_keyframe = number % GROUP == 0 if key is None else key
    return Arrived(packet, at_s)  # type: ignore[arg-type]


def waiting(backlog: Backlog) -> list[int]:
    """Numbers of all packets that wait, taken out."""
    found = []
    while isinstance(item := backlog.take(0.0), Arrived):
        assert item.packet.pts is not None
        found.append(item.packet.pts)
    return found


def test_what_is_decoded_in_time_goes_through() -> None:
    backlog = Backlog()
    for number in range(20):
        backlog.put(arrived(number, number / 25))
    backlog.put(Ended("over"))
    assert waiting(backlog) == list(range(20))
    assert backlog.take_skipped() == 0


def test_what_waits_too_long_gives_way_to_a_keyframe() -> None:
    backlog = Backlog()
    numbers = range(3, 3 + GROUP)
    for number in numbers:
        backlog.put(arrived(number, number / 25))
    # The keyframe came while the oldest had waited for 0.88 s: nothing before it is needed.
    assert waiting(backlog) == [25, 26, 27]
    assert backlog.take_skipped() == 22


def test_without_a_keyframe_nothing_comes_until_the_next() -> None:
    backlog = Backlog()
    for number in range(1, 24):
        backlog.put(arrived(number, number / 10))
    assert waiting(backlog) == []
    backlog.put(arrived(25, 2.5))
    backlog.put(arrived(26, 2.6))
    assert waiting(backlog) == [25, 26]


def test_another_connection_waits_for_no_keyframe_of_the_last_one() -> None:
    backlog = Backlog()
    for number in range(1, 24):
        backlog.put(arrived(number, number / 10))
    backlog.put(Opened(None))  # type: ignore[arg-type]
    backlog.put(arrived(31, 3.1))
    assert isinstance(backlog.take(0.0), Opened)
    assert waiting(backlog) == [31]
    assert backlog.take_skipped() == 23


def test_pictures_that_stand_alone_are_left_out_sooner() -> None:
    backlog = Backlog()
    for number in range(100):
        backlog.put(arrived(number, number / 100, key=True))
    found = waiting(backlog)
    assert found[-1] == 99
    assert len(found) <= LATE_S * 100 + 2


@pytest.mark.parametrize(("size", "limit"), [(1, MAX_PACKETS), (1_000_000, MAX_BYTES // 1_000_000)])
def test_a_flood_is_bounded_in_packets_and_bytes(size: int, limit: int) -> None:
    backlog = Backlog()
    for number in range(3 * limit):
        backlog.put(arrived(number, 1.0, size=size))
    assert len(waiting(backlog)) <= limit + 1


def test_a_new_connection_begins_with_what_comes_and_ends_are_never_lost() -> None:
    backlog = Backlog()
    for number in range(1, 24):
        backlog.put(arrived(number, number / 10))
        if number == 5:
            backlog.put(Ended("first"))
    assert backlog.take(0.0) == Ended("first")


def test_who_waits_is_woken() -> None:
    backlog = Backlog()
    taken: list[object] = []
    takers = [threading.Thread(target=lambda: taken.append(backlog.take(None))) for _ in range(2)]
    takers[0].start()
    backlog.put(arrived(0, 0.0))
    takers[0].join()
    takers[1].start()
    backlog.close()
    takers[1].join()
    assert isinstance(taken[0], Arrived)
    assert taken[1] is None
    backlog.put(arrived(1, 0.0))
    assert backlog.take(0.0) is None


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.0, 0.7), st.integers(0, 3)), max_size=80),
)
def test_a_decoder_is_never_given_a_picture_whose_forerunner_is_missing(
    steps: list[tuple[bool, float, int]],
) -> None:
    backlog, now_s, given = Backlog(), 0.0, [arrived(0, 0.0, key=True)]
    backlog.put(given[0])
    seen: list[Arrived] = []
    for number, (key, passed_s, takes) in enumerate(steps, 1):
        now_s += passed_s
        given.append(arrived(number, now_s, key=key))
        backlog.put(given[-1])
        for _ in range(takes):
            item = backlog.take(0.0)
            if isinstance(item, Arrived):
                assert now_s - item.at_s <= TOO_LATE_S + 0.7
                seen.append(item)
    while isinstance(item := backlog.take(0.0), Arrived):
        seen.append(item)
    numbers = [item.packet.pts for item in seen]
    for before, item in zip([None, *numbers], seen, strict=False):
        follows = before is not None and item.packet.pts == before + 1
        assert follows or item.packet.is_keyframe
    assert backlog.take_skipped() == len(given) - len(seen)


def test_an_end_waits_to_be_taken() -> None:
    backlog = Backlog()
    assert backlog.wait_for_end(0.0)
    backlog.put(arrived(0, 0.0))
    backlog.put(Ended("over"))
    assert not backlog.wait_for_end(0.0)
    backlog.take(0.0)
    assert not backlog.wait_for_end(0.0)
    backlog.take(0.0)
    assert backlog.wait_for_end(0.0)
    backlog.put(Ended("over"))
    backlog.close()
    assert backlog.wait_for_end(0.0)

"""Holding a stream's packets back until their time has come, whatever their timestamps do."""

from __future__ import annotations

import threading

import pytest

from pipeline.capture.pacing import StreamPacer
from pipeline.clock import ManualClock


def held(stamps: list[float | None], period_s: float = 0.04) -> list[float]:
    """When each packet is let go."""
    clock, found = ManualClock(), []
    pacer = StreamPacer(clock, threading.Event(), period_s)
    for stamp in stamps:
        pacer.hold(stamp)
        found.append(clock.monotonic_s())
    return found


def test_packets_keep_their_distances() -> None:
    assert held([7.0, 7.1, 7.15, 7.65]) == pytest.approx([0.0, 0.1, 0.15, 0.65])


def test_what_has_no_timestamp_or_one_that_jumps_comes_a_frame_later() -> None:
    assert held([7.0, None, 7.1]) == pytest.approx([0.0, 0.04, 0.14])
    assert held([7.0, 900.0, 900.1, 3.0, 3.1]) == pytest.approx([0.0, 0.04, 0.14, 0.18, 0.28])


def test_a_file_that_begins_again_goes_on() -> None:
    clock = ManualClock()
    pacer = StreamPacer(clock, threading.Event(), 0.1)
    for stamp in (0.0, 0.1, 0.2):
        pacer.hold(stamp)
    pacer.begin_anew()
    pacer.hold(0.0)
    assert clock.monotonic_s() == pytest.approx(0.3)


def test_who_is_late_is_not_hurried() -> None:
    clock = ManualClock()
    pacer = StreamPacer(clock, threading.Event(), 0.1)
    pacer.hold(0.0)
    clock.advance(5.0)
    pacer.hold(0.1)
    pacer.hold(0.2)
    assert clock.monotonic_s() == pytest.approx(5.1)


def test_stop_ends_the_wait() -> None:
    clock, stop = ManualClock(), threading.Event()
    pacer = StreamPacer(clock, stop, 0.1)
    pacer.hold(0.0)
    stop.set()
    pacer.hold(3.0)
    assert clock.monotonic_s() == 0.0

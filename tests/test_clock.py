"""Clocks: the machine's, and one that is advanced."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.clock import Clock, ManualClock, SystemClock

START = datetime(2020, 2, 2, tzinfo=UTC)


@pytest.mark.parametrize("clock", [SystemClock(), ManualClock(START)])
def test_a_clock_tells_utc_does_not_go_back_and_waits_for_events(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)
    before_s = clock.monotonic_s()
    event = threading.Event()
    assert not clock.wait(event, 0.001)
    assert clock.monotonic_s() > before_s
    event.set()
    assert clock.wait(event, 1000.0)


def test_a_manual_clock_moves_only_when_told_or_waited_on() -> None:
    clock, event = ManualClock(START), threading.Event()
    assert clock.now() == clock.now() == START
    clock.advance(1.5)
    clock.wait(event, 60.0)
    assert clock.monotonic_s() == 61.5
    assert clock.now() == START + timedelta(seconds=61.5)
    event.set()
    clock.wait(event, 60.0)
    assert clock.monotonic_s() == 61.5
    with pytest.raises(ValueError, match="time does not go back"):
        clock.advance(-1.0)

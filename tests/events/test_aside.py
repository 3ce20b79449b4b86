"""A sink aside: what is slow or broken there holds up nobody."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.errors import OutsideError
from pipeline.events import aside
from pipeline.events.aside import AsideSink
from pipeline.events.event import IdentityEvent
from pipeline.events.memory_sink import MemorySink
from tests.events.strategies import an_event

WAIT_S = 20.0


class Gate(MemorySink):
    """Takes the first batch, and answers only once it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        self.reached.set()
        self.let_go.wait(WAIT_S)
        super().publish(events)


class Broken(MemorySink):
    """Fails at once."""

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        raise OutsideError("no room")


def test_everything_is_told_in_order_before_it_closes() -> None:
    inner = MemorySink()
    sink = AsideSink(inner, "the screen")
    sink.open()
    events = [an_event(seq=seq) for seq in range(1, 200)]
    for event in events:
        sink.publish([event])
    sink.close()
    assert inner.events == events
    assert sink.dropped == 0


def test_while_nobody_reads_the_oldest_go(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(aside, "WAITING", 3)
    inner = Gate()
    sink = AsideSink(inner, "the pipe")
    sink.open()
    sink.publish([an_event()])
    assert inner.reached.wait(WAIT_S)
    with caplog.at_level(logging.WARNING):
        sink.publish([an_event(seq=seq) for seq in range(2, 8)])
    inner.let_go.set()
    sink.close()
    assert [event.seq for event in inner.events] == [1, 5, 6, 7]
    assert sink.dropped == 3
    assert caplog.text.count("the pipe is not read") == 1


def test_one_that_fails_is_told_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    sink = AsideSink(Broken(), "the disk")
    sink.open()
    with caplog.at_level(logging.WARNING):
        sink.publish([an_event()])
        sink.close()
    sink.publish([replace(an_event(), seq=2)])
    assert sink.dropped == 2
    assert "the disk: no room" in caplog.text


def test_closing_does_not_wait_for_a_reader_who_never_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "CLOSE_TIMEOUT_S", 0.05)
    inner = Gate()
    sink = AsideSink(inner, "the pipe")
    sink.open()
    sink.publish([an_event()])
    assert inner.reached.wait(WAIT_S)
    sink.close()
    assert inner.events == []
    inner.let_go.set()


def test_it_may_be_opened_again_though_its_thread_is_blocked_still() -> None:
    inner = Gate()
    sink = AsideSink(inner, "the pipe")
    sink.open()
    sink.close()
    sink.open()
    events = [an_event(seq=seq) for seq in (1, 2)]
    sink.publish(events[:1])
    assert inner.reached.wait(WAIT_S)
    sink.close()  # waits a moment, and leaves it blocked
    sink.open()
    sink.publish(events[1:])
    inner.let_go.set()
    sink.close()
    assert inner.events == events

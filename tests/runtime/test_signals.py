"""Signals drain a run first, then stop it; afterwards everything is as before."""

from __future__ import annotations

import signal
import threading

from pipeline.runtime.signals import ended_by_signals
from tests.runtime.streams import JOIN_S, no_threads_left


class Asked:
    """A run that notes what it is asked."""

    def __init__(self) -> None:
        self.drained = threading.Event()
        self.stopped = threading.Event()

    def drain(self) -> None:
        assert not self.stopped.is_set()
        self.drained.set()

    def stop(self) -> None:
        assert self.drained.is_set()
        self.stopped.set()


def test_first_drain_then_stop() -> None:
    run = Asked()
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with no_threads_left(), ended_by_signals(run):
        signal.raise_signal(signal.SIGTERM)
        assert run.drained.wait(JOIN_S)
        assert not run.stopped.is_set()
        signal.raise_signal(signal.SIGINT)
        assert run.stopped.wait(JOIN_S)
        signal.raise_signal(signal.SIGINT)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_closed_terminal_drains_unless_it_is_to_be_ignored() -> None:
    run = Asked()
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whatever the tests were started under
    try:
        with no_threads_left(), ended_by_signals(run):
            signal.raise_signal(signal.SIGHUP)
            assert run.drained.wait(JOIN_S)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        ignoring = Asked()
        with no_threads_left(), ended_by_signals(ignoring):
            signal.raise_signal(signal.SIGHUP)
        assert not ignoring.drained.is_set()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_run_without_a_signal_is_asked_nothing() -> None:
    run = Asked()
    with no_threads_left(), ended_by_signals(run):
        pass
    assert not run.drained.is_set()

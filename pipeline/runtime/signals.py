"""SIGTERM, SIGINT and SIGHUP ask a run to end: once to drain, twice to stop now."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType
from typing import Protocol

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""SIGHUP is what a closed terminal sends"""


class Endable(Protocol):
    """A run that can be asked to end."""

    def drain(self) -> None:
        """Let everything in flight go through."""
        ...

    def stop(self) -> None:
        """End now."""
        ...


@contextmanager
def ended_by_signals(run: Endable) -> Iterator[None]:
    """While in the block, the first of SIGNALS drains `run`, the next stops it. Main thread only.

    A SIGHUP that is ignored, as under nohup, stays so.

    A handler interrupts the main thread anywhere, perhaps while it holds the lock that `drain` needs. So it only
    puts the signal into a SimpleQueue, whose put is safe there, and a thread of its own acts on it.
    """
    received: SimpleQueue[int | None] = SimpleQueue()

    def receive(number: int, _: FrameType | None) -> None:
        received.put(number)

    thread = threading.Thread(target=_obey, args=(run, received), name="facestream-signals")
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    taken = [number for number in SIGNALS if not (ignored and number == signal.SIGHUP)]
    before = [signal.signal(number, receive) for number in taken]
    thread.start()
    try:
        yield
    finally:
        for number, handler in zip(taken, before, strict=True):
            signal.signal(number, handler)
        received.put(None)
        thread.join()


def _obey(run: Endable, received: SimpleQueue[int | None]) -> None:
    number = received.get()
    if number is not None:
        log.info("%s: finishing what is in flight; once more to stop now", signal.Signals(number).name)
        run.drain()
    while number is not None:
        number = received.get()
        if number is not None:
            log.warning("%s again: stopping now", signal.Signals(number).name)
            run.stop()

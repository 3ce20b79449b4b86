"""Brings to disk what a spool has in memory, soon, and keeps the spool small."""

from __future__ import annotations

import threading

from pipeline.clock import Clock
from pipeline.events.spool.spool import Spool

PACE_S = 0.01
"""from the beginning of one flush to that of the next at least: an event waits for that and for the disk, 50 ms
together, and the disk is flushed a hundred times a second at most"""
PRUNE_EVERY_S = 1.0
RETRY_S = 1.0
"""until a disk that took nothing is tried again"""


class SpoolFlusher:
    """One thread's work: `run` until `end`."""

    def __init__(self, spool: Spool, clock: Clock) -> None:
        self._spool = spool
        self._clock = clock
        self._ending = threading.Event()

    def end(self) -> None:
        """Let `run` end, after what is there is on disk, or was refused by it; from any thread."""
        self._ending.set()
        self._spool.wake()

    def run(self) -> None:
        """Flush, until `end`."""
        pruned_s = self._clock.monotonic_s()
        while not self._ending.is_set():
            self._spool.wait_for_unwritten(self._ending, PRUNE_EVERY_S)
            began_s = self._clock.monotonic_s()
            written = self._spool.write()
            if began_s - pruned_s >= PRUNE_EVERY_S:
                self._spool.prune()
                pruned_s = began_s
            took_s = self._clock.monotonic_s() - began_s
            self._clock.wait(self._ending, max(PACE_S - took_s, 0.0) if written else RETRY_S)
        if self._spool.write():
            self._spool.prune()

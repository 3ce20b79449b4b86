"""A sink that may be slow or fail without anybody waiting for it: for what is shown, and not for what is promised."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence

from pipeline.events.event import IdentityEvent
from pipeline.events.sink import EventSink

WAITING = 10_000
"""events that wait at most for a reader who has stopped reading: about 20 MB"""

CLOSE_TIMEOUT_S = 2.0
"""how long `close` waits for what is still to be shown"""

log = logging.getLogger(__name__)


class AsideSink:
    """Hands events to another sink in a thread of its own.

    While that sink is blocked, as a pipe is that nobody reads, events wait, and beyond WAITING the oldest are dropped
    and counted. When it fails it is told nothing more; the run goes on.
    """

    def __init__(self, inner: EventSink, shown: str) -> None:
        """`shown`: what the inner sink writes to, for the log."""
        self.dropped = 0
        """events that the inner sink was never told of"""
        self._inner = inner
        self._shown = shown
        self._waiting: deque[IdentityEvent] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._failed = False
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Open the inner sink, and begin; after `close` too. Raises what it raises."""
        self._closing = False
        if self._thread is not None and self._thread.is_alive():
            return  # blocked since before `close`, which therefore left the inner sink open
        self._inner.open()
        # A daemon: a write that nobody reads must not keep the program.
        self._thread = threading.Thread(target=self._tell, name="facestream-aside", daemon=True)
        self._thread.start()

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Leave these events to the thread; never waits."""
        with self._changed:
            if self._failed:
                self.dropped += len(events)
                return
            self._waiting.extend(events)
            while len(self._waiting) > WAITING:
                self._waiting.popleft()
                if not self.dropped:
                    log.warning("%s is not read: events are no longer shown there in full", self._shown)
                self.dropped += 1
            self._changed.notify()

    def close(self) -> None:
        """Show what waits, for a moment at most, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
            if not self._thread.is_alive():
                self._inner.close()

    def _tell(self) -> None:
        while (batch := self._next()) is not None:
            try:
                self._inner.publish(batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, the run must not miss what is only shown
                log.warning("%s: %s; events are no longer shown there", self._shown, error)
                with self._changed:
                    self._failed = True
                    self.dropped += len(batch) + len(self._waiting)
                    self._waiting.clear()
                return

    def _next(self) -> list[IdentityEvent] | None:
        """What waits, as soon as something does; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            batch = list(self._waiting)
            self._waiting.clear()
            return batch or None

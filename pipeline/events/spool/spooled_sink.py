"""Live events to Redis by way of the disk: nobody waits for either, and what was flushed is told exactly once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from pipeline.backoff import Backoff
from pipeline.clock import Clock, SystemClock
from pipeline.events.delivery.broker import Broker
from pipeline.events.delivery.stream_entry import entry_of
from pipeline.events.event import IdentityEvent, Mode
from pipeline.events.spool.spool import Spool, SpoolRules
from pipeline.events.spool.spool_flusher import SpoolFlusher
from pipeline.events.spool.spool_record import SpoolRecord
from pipeline.events.spool.spool_sender import SpoolSender
from pipeline.events.spool.spool_state import SpoolState

CLOSE_TIMEOUT_S = 5.0
"""how long `close` waits for what Redis has not confirmed; the rest stays on disk for the next run"""
LAST_WORD_S = 3.0
"""and how long for each of the two threads beyond that: a disk or a server may not answer at all"""
READ_AT_ONCE = 1000
"""events that `kept` reads at once, and of how many bytes together, about"""
READ_BYTES = 2**20

log = logging.getLogger(__name__)


class SpooledSink:
    """Numbers live events, brings them to disk within 50 ms, and publishes them in order, each once.

    Opens without Redis, and without room on the disk: `state` says how it is. Two threads do the work, and neither
    ends before `close`, whatever happens.
    """

    def __init__(
        self,
        folder: Path,
        broker: Broker,
        stream: str,
        max_events: int,
        rules: SpoolRules,
        clock: Clock | None = None,
    ) -> None:
        """`folder` is the spool's own; `max_events` is about how many entries the stream keeps."""
        self._clock = SystemClock() if clock is None else clock
        self._spool = Spool(folder, rules, self._clock)
        self._make_sender = partial(SpoolSender, self._spool, broker, stream, max_events, self._clock)
        self._sender = self._make_sender()
        self._flusher = SpoolFlusher(self._spool, self._clock)
        self._running: tuple[KeptRunning, KeptRunning] | None = None

    def open(self) -> None:
        """Take the folder and begin. Raises OutsideError where another program has it, or it cannot be used."""
        if self._running is not None:
            return
        self._spool.open()
        self._sender = self._make_sender()
        self._flusher = SpoolFlusher(self._spool, self._clock)
        flushing = KeptRunning("facestream-spool", self._flusher.run)
        sending = KeptRunning("facestream-redis", self._sender.run)
        self._running = (flushing, sending)
        flushing.start()
        sending.start()

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Leave these events to the two threads; waits for neither disk nor Redis.

        Raises EventFormatError for one that breaks the contract, ValueError for one of a replay, RuntimeError when
        not open; then none is taken.
        """
        if self._running is None:
            raise RuntimeError("the sink is not open")
        if any(event.mode is not Mode.LIVE for event in events):
            raise ValueError("only events of cameras are spooled: a replay can be run again")
        self._spool.append([entry_of(event) for event in events])

    def kept(self) -> Iterator[SpoolRecord]:
        """All that the spool still holds on disk, published or not, in order; from any thread."""
        number = 0
        while found := self._spool.read(number, READ_AT_ONCE, READ_BYTES):
            yield from found
            number = found[-1].number

    def state(self) -> SpoolState:
        """How it is going; from any thread."""
        content, sender = self._spool.content(), self._sender.state()
        faults = (None, None) if self._running is None else tuple(each.fault for each in self._running)
        return SpoolState(
            waiting=content.waiting,
            oldest_waiting_s=content.oldest_waiting_s,
            bytes=content.bytes,
            unflushed=content.unflushed,
            flush_lag_s=content.flush_lag_s,
            dropped=content.dropped,
            published=sender.published,
            connected=sender.connected,
            redis_problem=faults[1] or sender.problem,
            copies_problem=sender.copies_problem,
            disk_problem=faults[0] or content.problem,
        )

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Bring to disk what is not, to Redis what it takes within the time, and end. Never raises."""
        if self._running is None:
            return
        (flushing, sending), self._running = self._running, None
        self._flusher.end()
        flushed = flushing.end(LAST_WORD_S)
        self._sender.end(timeout_s)
        if not sending.end(timeout_s + LAST_WORD_S):
            log.warning("Redis does not answer, and is left behind")
        if not flushed:
            log.warning("the disk of %s does not answer, and is left behind", self._spool.folder)
            return  # its thread still uses the files
        waiting = self._spool.content().waiting
        lost = self._spool.close()
        if lost:
            log.warning("%d events are lost: neither %s nor Redis took them", lost, self._spool.folder)
        waiting -= lost
        if waiting > 0:
            log.warning("%d events are not published yet: they wait in %s", waiting, self._spool.folder)


class KeptRunning:
    """A thread whose work begins again, after a while, where a fault of ours ends it."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.fault: str | None = None
        """what ended it, while it waits to begin again"""
        self._work = work
        self._ending = threading.Event()
        # A daemon: a disk or a server that never answers must not keep the program.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self, timeout_s: float) -> bool:
        """Wait for the work to end, which was asked to; whether it did."""
        self._ending.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        backoff = Backoff(1.0, 30.0)
        while True:
            try:
                return self._work()
            except Exception as error:
                log.exception("%s failed and begins again", self._thread.name)
                self.fault = (
                    f"{self._thread.name} failed, and begins again: {type(error).__name__} (see the log)"
                )
            if self._ending.wait(backoff.next_s()):
                return
            self.fault = None

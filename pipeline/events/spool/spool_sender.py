"""Brings the events of a spool to Redis, in order, each once, for as long as it takes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import redis

from pipeline.backoff import Backoff
from pipeline.clock import Clock
from pipeline.errors import FacestreamError
from pipeline.events.delivery.adding import Added, add, add_each, remembered
from pipeline.events.delivery.broker import Broker, connect
from pipeline.events.delivery.refusals import code_of, refusal
from pipeline.events.spool.spool import Spool
from pipeline.events.spool.spool_record import SpoolRecord

BATCH = 500
BATCH_BYTES = 2**20
"""of one call: a few milliseconds of the server's time, in which it answers nobody else"""
ASK_EVERY_S = 2.0
"""while there is nothing to send: so soon is noticed that Redis was killed, or has forgotten some"""
FIRST_WAIT_S = 0.25
MOST_WAIT_S = 30.0
LAST_TRY_S = 1.0
"""a server that failed within it is tried once more at the end: it may be back, and cannot hold us up for long"""
REFUSALS = 6
"""of one event by itself, for no reason that is known, before those behind it are tried instead"""
TRIED_INSTEAD = 8
TRIED_BYTES = 2**26
"""of all that are tried: what cannot be taken may be large"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SenderState:
    """How publishing is going."""

    connected: bool
    published: int
    """events that Redis confirmed"""
    problem: str | None
    copies_problem: str | None


class SpoolSender:
    """One thread's work: `run` until `end`.

    It remembers nothing that Redis does not: on every connection it asks for the number of the last event, and goes
    on behind it. So what Redis forgot, killed or restored, is sent again, and nothing twice.
    """

    def __init__(self, spool: Spool, broker: Broker, stream: str, max_events: int, clock: Clock) -> None:
        self._spool = spool
        self._broker = broker
        self._stream = stream
        self._max_events = max_events
        self._clock = clock
        self._backoff = Backoff(FIRST_WAIT_S, MOST_WAIT_S)
        self._client: redis.Redis | None = None
        self._sent = 0
        """number of the last event that Redis says it has"""
        self._asked = False
        """that number is Redis' own"""
        self._careful = False
        """a batch failed, and nobody knows why: one event at a time"""
        self._refusals = 0
        """in a row, since events are sent one by one and none was taken"""
        self._ending = threading.Event()
        self._until_s = 0.0
        self._published = 0
        self._problem: str | None = None
        self._copies_problem: str | None = None

    def state(self) -> SenderState:
        """How it is going; from any thread."""
        connected = self._client is not None and self._problem is None
        return SenderState(connected, self._published, self._problem, self._copies_problem)

    def end(self, timeout_s: float) -> None:
        """Let `run` end: when all is sent, when Redis is still away, or after the timeout; from any thread."""
        self._until_s = self._clock.monotonic_s() + timeout_s
        self._ending.set()
        self._spool.wake()

    def run(self) -> None:
        """Send, until `end`; holds the broker open meanwhile."""
        try:
            while self._step():
                pass
        finally:
            self._disconnect()
            self._broker.close()

    def _step(self) -> bool:
        """Send what there is, or wait for it, or for Redis; whether to go on."""
        ending, began_s = self._ending.is_set(), self._clock.monotonic_s()
        try:
            if self._client is None:
                self._client = connect(self._broker.open(), self._broker.shown)
                self._ask(self._client)
            sent = self._send_one() if self._careful else self._send_batch()
            if not sent:
                if self._ending.is_set():
                    return False
                self._wait_for_more()
        except (redis.RedisError, OSError, FacestreamError) as error:
            quick = self._clock.monotonic_s() - began_s < LAST_TRY_S
            self._failed(error)
            if ending:
                return False
            return not self._clock.wait(self._ending, self._backoff.next_s()) or quick
        return not (self._ending.is_set() and self._clock.monotonic_s() > self._until_s)

    def _send_batch(self) -> bool:
        """Send the next events; whether there were some. Raises redis.RedisError, OSError."""
        found = self._spool.read(self._sent, BATCH, BATCH_BYTES)
        if not found:
            return False
        try:
            self._add(found)
        except (redis.RedisError, OSError) as error:
            self._careful = not code_of(error)
            raise
        return True

    def _send_one(self) -> bool:
        """Send one event, after a batch failed for no known reason: perhaps one of them cannot be added.

        It is sent by itself, often, and then those behind it in its place. One of them that is taken shows that the
        reason is in those before it: they are dropped. While none is taken the reason is elsewhere, and nothing is.
        """
        found = self._spool.read(self._sent, 1 + TRIED_INSTEAD, TRIED_BYTES)
        if not found:
            self._careful, self._refusals = False, 0
            return False
        at = max(self._refusals - REFUSALS + 1, 0) % len(found)
        try:
            added = self._add(found[at : at + 1])
        except (redis.RedisError, OSError) as error:
            self._refusals += not code_of(error)
            raise
        if added.added:
            self._careful, self._refusals = False, 0
            self._give_up(found[:at])
        return True

    def _give_up(self, records: Sequence[SpoolRecord]) -> None:
        for each in records:
            camera = each.numbered.entry.camera.decode(errors="replace")
            log.warning(
                "Redis at %s takes other events, and not one of %r: dropped", self._broker.shown, camera
            )
        if records:
            self._published -= len(records)  # passed over, and not had
            self._spool.give_up([each.number for each in records])

    def _ask(self, client: redis.Redis) -> None:
        """Find out how far Redis is, and whether it would take events; it has the script afterwards."""
        self._go_on_behind(add(client, self._stream, self._spool.producer, 0, self._max_events, ()).last)
        self._asked = True

    def _add(self, records: Sequence[SpoolRecord]) -> Added:
        """Add these. Raises redis.RedisError, also for what it refuses, and OSError."""
        assert self._client is not None
        events = [each.numbered for each in records]
        producer = self._spool.producer
        added = add_each(self._client, self._stream, producer, self._sent, self._max_events, events)
        if added.added or added.refusal is None:
            self._go_on_behind(added.last)
        if added.added:
            self._note_copies(added.unheard)
        if added.refusal is not None:
            raise added.refusal
        if added.added:
            self._works()
        return added

    def _wait_for_more(self) -> None:
        """Until there is something to send, or the end; now and then ask Redis whether it still has all."""
        self._works()
        if not self._spool.wait_for_more(self._sent, self._ending, ASK_EVERY_S):
            assert self._client is not None
            self._go_on_behind(remembered(self._client, self._stream, self._spool.producer))

    def _go_on_behind(self, number: int) -> None:
        if number == self._sent:
            return
        if number < self._sent:
            log.warning("Redis at %s has forgotten events: published again, where kept", self._broker.shown)
        self._sent = number
        more = self._spool.confirm(number)
        if self._asked:  # what Redis had from the beginning it had from an earlier run
            self._published += max(more, 0)

    def _works(self) -> None:
        if self._problem is not None:
            log.warning("Redis at %s takes events again", self._broker.shown)
        self._problem = None
        self._backoff.reset()

    def _note_copies(self, unheard: str) -> None:
        problem = None
        if unheard:
            problem = (
                f"Redis at {self._broker.shown} publishes no copies: {refusal(redis.ResponseError(unheard))}"
            )
            if self._copies_problem is None:
                log.warning("%s", problem)
        self._copies_problem = problem

    def _failed(self, error: Exception) -> None:
        problem = str(error)
        if not isinstance(error, FacestreamError):
            problem = f"Redis at {self._broker.shown} takes no events: {refusal(error)}"
        if self._problem is None:
            log.warning("%s; events wait in the spool", problem)
        self._problem = problem
        self._disconnect()  # whatever it was, the next try begins by asking how far Redis is

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(redis.RedisError, OSError):
                client.close()

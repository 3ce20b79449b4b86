"""Following published events for as long as one likes, also over a Redis that goes away and comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import redis

from pipeline.errors import BrokerError
from pipeline.events.delivery.broker import Broker, connect
from pipeline.events.delivery.gap import Gap
from pipeline.events.delivery.refusals import code_of, reason, refusal
from pipeline.events.delivery.stream import RawEntry, StreamReader
from pipeline.events.encode import EventFormatError, decode
from pipeline.events.event import EventType, IdentityEvent

FIRST_RETRY_S = 0.25
LAST_RETRY_S = 5.0

_LOST = (redis.ConnectionError, redis.TimeoutError)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Interest:
    """Which events are wanted; an empty set means all."""

    cameras: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    """ids of people or strangers, or names, in whatever case"""
    types: frozenset[EventType] = frozenset()
    watchlists: frozenset[str] = frozenset()
    """names of lists that the person is on, in whatever case"""

    def wants(self, event: IdentityEvent) -> bool:
        """Whether this event is one of them; one that takes a name back also concerns whoever had it."""
        return (
            (not self.cameras or event.camera in self.cameras)
            and (not self.types or event.type in self.types)
            and (not self.people or bool(_folded(self.people) & _names(event)))
            and (
                not self.watchlists
                or bool(_folded(self.watchlists) & _folded(one.name for one in event.watchlists))
            )
        )


class Subscription:
    """The events of a stream, in its order, from now until `stop`.

    Iterating connects, and gives an event only when the one before it has been dealt with: with a group, that
    is when the one before is acknowledged; one during which the caller failed is not. An entry that is no event of
    version 1 is skipped, and said so.
    """

    def __init__(
        self,
        broker: Broker,
        reader: StreamReader,
        say: Callable[[str], None],
        on_gap: Callable[[Gap], None] | None = None,
    ) -> None:
        """`say` is told in one line what a person should know: lost, back again, skipped, missed.

        `on_gap` is told of events that are missing, before the event that follows them is given.
        """
        self._broker = broker
        self._reader = reader
        self._say = say
        self._on_gap = on_gap
        self._stopped = threading.Event()
        self._client: redis.Redis | None = None

    def stop(self) -> None:
        """End the iteration soon; from any thread. The event that was given last still counts as dealt with."""
        self._stopped.set()

    def __iter__(self) -> Generator[IdentityEvent, None, None]:
        """Raises BrokerError where Redis cannot be reached at first, or then refuses what we ask of it.

        What it refuses later, full or forbidden, is waited for as if it were away.
        """
        try:
            self._client = self._connected()
            while not self._stopped.is_set():
                for entry in self._insist(self._reader.read) or ():
                    self._tell_gap(entry)
                    event = self._event(entry)
                    if event is not None:
                        yield event
                    self._done(entry)
                    if self._stopped.is_set():
                        return
        finally:
            self._leave()
            self._disconnect()
            self._broker.close()

    def _leave(self) -> None:
        if self._client is not None:
            with suppress(redis.RedisError, OSError):
                self._reader.close(self._client)

    def _tell_gap(self, entry: RawEntry) -> None:
        if entry.gap is not None:
            self._say(str(entry.gap))
            if self._on_gap is not None:
                self._on_gap(entry.gap)

    def _done(self, entry: RawEntry) -> None:
        self._insist(lambda client: self._reader.done(client, entry))

    def _insist(self, action: Callable[[redis.Redis], Answer]) -> Answer | None:
        """The action's answer, on a new connection where that is needed; None when stopped before."""
        while True:
            assert self._client is not None
            try:
                return action(self._client)
            except _LOST as error:
                if not self._reconnect(f"went away ({reason(error)})"):
                    return None
            except redis.RedisError as error:
                if not code_of(error):
                    raise BrokerError(self._refused(error)) from error
                if not self._reconnect(f"refuses: {refusal(error)}"):
                    return None

    def _reconnect(self, what: str) -> bool:
        """Try until there is a connection again; False when stopped before."""
        self._say(f"Redis at {self._broker.shown} {what}: trying until it is back")
        self._disconnect()
        delay_s = FIRST_RETRY_S
        while not self._stopped.wait(delay_s):
            with suppress(BrokerError):
                self._client = self._connected()
                self._say(f"Redis at {self._broker.shown} is back: going on after the last event")
                return True
            delay_s = min(2 * delay_s, LAST_RETRY_S)
        return False

    def _connected(self) -> redis.Redis:
        """A connection with the reader in place."""
        client = connect(self._broker.open(), self._broker.shown)
        try:
            self._reader.open(client)
        except (redis.RedisError, OSError) as error:
            client.close()
            raise BrokerError(self._refused(error)) from error
        return client

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()

    def _refused(self, error: Exception) -> str:
        return (
            f"Redis at {self._broker.shown} does not give the stream {self._reader.stream}: {refusal(error)}; "
            "see redis.stream and redis.replay_stream"
        )

    def _event(self, entry: RawEntry) -> IdentityEvent | None:
        """The entry's event, or None for what is gone, or another program, or version of ours, put there."""
        if not entry.fields:
            return None
        try:
            return decode(entry.fields[b"event"])
        except KeyError:
            self._say(f"entry {entry.id} of {self._reader.stream} is skipped: it has no field `event`")
        except EventFormatError as error:
            self._say(f"entry {entry.id} of {self._reader.stream} is skipped: {error}")
        return None


def _folded(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}


def _names(event: IdentityEvent) -> set[str]:
    """Everything that whoever this event concerns may be called by."""
    people = [person for person in (event.identity, event.previous_identity) if person is not None]
    names = {name.casefold() for person in people for name in (person.id, person.name)}
    return names | ({event.stranger_id.casefold()} if event.stranger_id is not None else set())

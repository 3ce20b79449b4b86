"""Events to Redis while the caller waits: those of replays, and corrections."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import groupby

import redis

from pipeline.errors import BrokerError
from pipeline.events.delivery.adding import NOBODY, Numbered, add
from pipeline.events.delivery.broker import Broker, connect
from pipeline.events.delivery.refusals import refusal
from pipeline.events.delivery.stream_entry import entry_of
from pipeline.events.event import IdentityEvent, Mode


class RedisSink:
    """Appends each event to its mode's stream and tells the channels of its camera, people and watchlists.

    What is published together for one stream is one step: other programs see all of it or nothing. Nothing is sent
    again by itself, and nothing is checked for having been sent before: a replay that is run again publishes its
    events again, as new entries with the event_ids of the first time.
    """

    def __init__(self, broker: Broker, stream: str, replay_stream: str, max_events: int) -> None:
        """`max_events` is about how many entries each stream keeps."""
        self._broker = broker
        self._streams = {Mode.LIVE: stream, Mode.REPLAY: replay_stream}
        self._max_events = max_events
        self._client: redis.Redis | None = None

    def open(self) -> None:
        """Start or reach Redis; raises BrokerError."""
        if self._client is None:
            with ExitStack() as undo:
                undo.callback(self._broker.close)
                self._client = connect(self._broker.open(), self._broker.shown)
                undo.pop_all()

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Publish these events, in one step a stream; raises BrokerError where Redis does not confirm it."""
        if self._client is None:
            raise RuntimeError("the sink is not open")
        ready = [(self._streams[event.mode], Numbered(0, 0, entry_of(event))) for event in events]
        try:
            for stream, some in groupby(ready, key=lambda each: each[0]):
                added = add(self._client, stream, NOBODY, 0, self._max_events, [each[1] for each in some])
                if added.refusal is not None:
                    raise added.refusal
        except (redis.RedisError, OSError) as error:
            raise BrokerError(
                f"Redis at {self._broker.shown} did not confirm {len(events)} events, from "
                f"{events[0].sighting_id}#{events[0].seq} on: {refusal(error)}; see to it and start again"
            ) from error

    def close(self) -> None:
        """Let go of Redis."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
        self._broker.close()

"""Events to Redis: a stream as the durable record, pub/sub channels as the light copy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack

import redis
from redis.client import Pipeline
from redis.typing import EncodableT, FieldT

from pipeline.errors import BrokerError
from pipeline.events.broker import Broker, connect, reason
from pipeline.events.encode import encode
from pipeline.events.event import IdentityEvent, Mode

CAMERA_CHANNEL = "facestream:camera:"
PERSON_CHANNEL = "facestream:person:"
WATCHLIST_CHANNEL = "facestream:watchlist:"


class RedisSink:
    """Appends each event to its mode's stream and tells the channels of its camera, people and watchlists.

    A batch is one transaction: other programs see all of it or nothing. Nothing is sent again by itself, and
    nothing is checked for having been sent before: a replay that is run again publishes its events again, as
    new entries with the event_ids of the first time.
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
        """Publish these events in one transaction; raises BrokerError where Redis does not confirm it."""
        if self._client is None:
            raise RuntimeError("the sink is not open")
        lines = [encode(event) for event in events]
        if not lines:
            return
        try:
            with self._client.pipeline(transaction=True) as batch:
                for event, line in zip(events, lines, strict=True):
                    self._queue(batch, event, line)
                batch.execute()
        except (redis.RedisError, OSError) as error:
            raise BrokerError(
                f"Redis at {self._broker.shown} did not confirm {len(lines)} events, from "
                f"{events[0].sighting_id}#{events[0].seq} on: {reason(error)}; see to it and start again"
            ) from error

    def close(self) -> None:
        """Let go of Redis."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
        self._broker.close()

    def _queue(self, batch: Pipeline, event: IdentityEvent, line: str) -> None:
        who = event.identity.id if event.identity is not None else ""
        fields: dict[FieldT, EncodableT] = {
            "event": line,
            "type": event.type.value,
            "camera": event.camera,
            "identity": who,
            "watchlists": json.dumps([one.name for one in event.watchlists], ensure_ascii=False),
        }
        batch.xadd(self._streams[event.mode], fields, maxlen=self._max_events, approximate=True)
        batch.publish(CAMERA_CHANNEL + event.camera, line)
        for person_id in people_concerned(event):
            batch.publish(PERSON_CHANNEL + person_id, line)
        for watchlist in event.watchlists:
            batch.publish(WATCHLIST_CHANNEL + watchlist.name, line)


def people_concerned(event: IdentityEvent) -> list[str]:
    """Ids of the person seen and of the one taken back: who was told of a name is told that it was wrong."""
    people = (event.identity, event.previous_identity)
    return list(dict.fromkeys(person.id for person in people if person is not None))

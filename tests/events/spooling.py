"""What tests of events that go by way of the disk share: a sink, its events, and what the stream has of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import redis

from pipeline.events.delivery.broker import RemoteRedis
from pipeline.events.event import IdentityEvent, Mode
from pipeline.events.spool.spool import SpoolRules
from pipeline.events.spool.spool_state import SpoolState
from pipeline.events.spool.spooled_sink import SpooledSink
from tests.events.strategies import an_event

STREAM = "facestream:events"
PATIENCE_S = 30.0
RULES = SpoolRules(keep_s=300.0, max_bytes=2**26)


def a_sink(tmp_path: Path, url: str, rules: SpoolRules = RULES) -> SpooledSink:
    """A sink of this folder."""
    return SpooledSink(tmp_path / "spool", RemoteRedis(url, "redis://*****@here"), STREAM, 100_000, rules)


def events(*numbers: int, camera: str = "door") -> list[IdentityEvent]:
    """Live events of sightings with these numbers."""
    return [replace(an_event(camera, number), mode=Mode.LIVE) for number in numbers]


def until(sink: SpooledSink, holds: Callable[[SpoolState], bool]) -> SpoolState:
    """The state, as soon as this holds of it."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds(state := sink.state()):
        assert time.monotonic() < deadline, state
        time.sleep(0.005)
    return state


def all_sent(state: SpoolState) -> bool:
    """Nothing waits."""
    return state.waiting == 0


def told(client: redis.Redis) -> list[int]:
    """Numbers of the sightings in the stream."""
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(STREAM))
    return [int(json.loads(fields[b"event"])["sighting_id"].rpartition(":")[2]) for _, fields in entries]


def ns(client: redis.Redis) -> list[int]:
    """Numbers of the entries."""
    entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(STREAM))
    return [int(fields[b"n"]) for _, fields in entries]

"""A real Redis for a test: our own server in a folder of the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from pipeline.events.broker import connect
from pipeline.events.redis_server import EmbeddedRedis


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A server that runs until the test ends."""
    with EmbeddedRedis(tmp_path / "data") as embedded:
        yield embedded


@pytest.fixture
def client(broker: EmbeddedRedis) -> Iterator[redis.Redis]:
    """A connection to it."""
    with connect(broker.open(), broker.shown) as connected:
        yield connected

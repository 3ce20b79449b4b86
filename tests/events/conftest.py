"""A real Redis for a test: our own server in a folder of the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from pipeline.events.delivery.broker import connect
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.events.spool.spooled_sink import SpooledSink
from tests.events.spooling import a_sink
from tests.redis_process import DURABLE, RedisProcess, executable


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


@pytest.fixture
def redis_process(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server that can be killed; not started yet."""
    made = RedisProcess(tmp_path / "redis", executable("system"), DURABLE)
    yield made
    made.stop()


@pytest.fixture
def spooled(tmp_path: Path, redis_process: RedisProcess) -> Iterator[SpooledSink]:
    """An open sink to it, by way of the disk."""
    made = a_sink(tmp_path, redis_process.url)
    made.open()
    yield made
    made.close()

"""Where a run's events go: Redis, for live ones by way of the disk."""

from __future__ import annotations

from pathlib import Path

from config.schema import Config
from config.secrets import mask
from pipeline.events.delivery.broker import Broker, choose_broker, client_for
from pipeline.events.delivery.redis_sink import RedisSink
from pipeline.events.spool.spool import SpoolRules
from pipeline.events.spool.spooled_sink import SpooledSink


def redis_broker(config: Config, data: Path) -> Broker:
    """The Redis that redis.url names, or one of our own below `data`. Starts nothing yet."""
    url = None if config.redis.url is None else config.redis.url.reveal()
    return choose_broker(url, "" if url is None else mask(url), data)


def redis_sink(config: Config, data: Path) -> RedisSink:
    """Publishes a replay's events, or corrections, to Redis while the caller waits."""
    keys = config.redis
    return RedisSink(redis_broker(config, data), keys.stream, keys.replay_stream, keys.max_events)


def spooled_sink(config: Config, data: Path) -> SpooledSink:
    """Publishes live events to Redis by way of `data`/spool. Raises BadInputError for a redis.url that is none.

    Otherwise a wrong address would be tried for ever.
    """
    broker = redis_broker(config, data)
    if config.redis.url is not None:
        client_for(config.redis.url.reveal(), broker.shown).close()
    rules = SpoolRules(config.spool.keep_s, config.spool.max_mb * 2**20)
    return SpooledSink(data / "spool", broker, config.redis.stream, config.redis.max_events, rules)

"""The Redis that events go to and are read from: the user's own, or one that we run in the data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline.errors import BadInputError, BrokerError
from pipeline.events.delivery.refusals import code_of, reason, refusal

CONNECT_TIMEOUT_S = 5.0
REPLY_TIMEOUT_S = 10.0
"""longer than any read of ours waits for news"""
IDLE_CHECK_S = 15.0
"""a connection idle for this long is tried before it is used: the server may have been restarted meanwhile"""


class Broker(Protocol):
    """A Redis server, and what must be done before and after using it."""

    shown: str
    """how to name it in a message: the address without its password"""

    def open(self) -> str:
        """See to it that the server runs; returns its address. Called again, it revives a server that died.

        Raises BrokerError.
        """
        ...

    def close(self) -> None:
        """Let go of the server. Never raises, may be called twice."""
        ...


class RemoteRedis:
    """A server that somebody else runs."""

    def __init__(self, url: str, shown: str) -> None:
        """`url` with the password, `shown` without."""
        self.shown = shown
        self._url = url

    def open(self) -> str:
        """The address; whether anybody answers there is found out by `connect`."""
        return self._url

    def close(self) -> None:
        """Nothing of ours runs there."""


def choose_broker(url: str | None, shown: str, data: Path) -> Broker:
    """The user's Redis where there is an address, else our own below `data`. Starts nothing yet."""
    if url is not None:
        return RemoteRedis(url, shown)
    from pipeline.events.delivery.redis_server import EmbeddedRedis

    return EmbeddedRedis(data)


def connect(address: str, shown: str) -> redis.Redis:
    """A client that has been answered; replies are bytes, and every wait is bounded.

    Nothing is sent twice: after a lost connection nobody knows whether a command was carried out, so the
    caller decides. Raises BadInputError for an address that is none, BrokerError where nobody answers.
    """
    client = client_for(address, shown)
    try:
        client.echo(
            b"facestream"
        )  # unlike PING it is answered with a full disk, unlike TIME not while loading
    except (redis.RedisError, OSError) as error:
        client.close()
        repair = "" if code_of(error) else f"; {REPAIR}"
        raise BrokerError(f"Redis at {shown} cannot be reached: {refusal(error)}{repair}") from error
    return client


def client_for(address: str, shown: str) -> redis.Redis:
    """A client that has not connected yet. Raises BadInputError for an address that is none."""
    try:
        client = redis.Redis.from_url(
            address,
            protocol=2,  # the replies that every version since streams came (5.0) gives
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=REPLY_TIMEOUT_S,
            health_check_interval=IDLE_CHECK_S,
            retry=Retry(NoBackoff(), 0),
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # which alone looks at the options of an address
    except (ValueError, TypeError) as error:
        raise BadInputError(f"redis.url: {shown} is no address of a Redis: {reason(error)}") from error
    return client


REPAIR = "start it, or correct redis.url (without one, a server of our own is started)"

"""Events in a real Redis: keys, channels, bounds, and what is said when it is gone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import pytest
import redis

from pipeline.errors import BrokerError
from pipeline.events.delivery.broker import RemoteRedis
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.events.delivery.redis_sink import RedisSink
from pipeline.events.encode import encode
from pipeline.events.event import Identity, IdentityEvent, Mode
from pipeline.types import Watchlist
from tests.events.delivery.test_redis_server import server_pid
from tests.events.strategies import ANN, an_event

pytestmark = pytest.mark.redis


@pytest.fixture
def sink(broker: EmbeddedRedis) -> Iterator[RedisSink]:
    """An open sink that keeps about a hundred events."""
    made = RedisSink(RemoteRedis(broker.open(), "here"), "facestream:events", "facestream:replay", 100)
    made.open()
    yield made
    made.close()


def live(event: IdentityEvent) -> IdentityEvent:
    """The event as a camera's."""
    return replace(event, mode=Mode.LIVE)


def entries(client: redis.Redis, stream: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Ids and fields of a stream."""
    return cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(stream))


def test_an_entry_has_the_event_and_what_filters_need(sink: RedisSink, client: redis.Redis) -> None:
    known = replace(live(an_event()), watchlists=(Watchlist('v"ip', "greet"), Watchlist("Zoë", "")))
    unknown = live(an_event(number=18, who=None))
    sink.publish([known, unknown])
    assert [fields for _, fields in entries(client, "facestream:events")] == [
        {
            b"event": encode(known).encode(),
            b"type": b"new",
            b"camera": b"door",
            b"identity": b"p_3f",
            b"watchlists": '["v\\"ip", "Zoë"]'.encode(),
            b"n": b"1",
        },
        {
            b"event": encode(unknown).encode(),
            b"type": b"new",
            b"camera": b"door",
            b"identity": b"",
            b"watchlists": b"[]",
            b"n": b"2",
        },
    ]


def test_a_replay_goes_to_its_own_stream(sink: RedisSink, client: redis.Redis) -> None:
    sink.publish([an_event()])
    assert client.exists("facestream:events") == 0
    assert client.xlen("facestream:replay") == 1


def test_a_replay_run_again_is_published_again_with_the_same_ids(
    sink: RedisSink, client: redis.Redis
) -> None:
    sink.publish([an_event()])
    sink.publish([an_event()])
    first, second = entries(client, "facestream:replay")
    assert first[0] != second[0]
    assert [(fields[b"event"], fields[b"n"]) for _, fields in (first, second)] == [
        (encode(an_event()).encode(), b"1"),
        (encode(an_event()).encode(), b"2"),
    ]


def test_streams_are_bounded(sink: RedisSink, client: redis.Redis) -> None:
    for number in range(0, 1000, 50):
        sink.publish([an_event(number=number + i) for i in range(50)])
    # Redis drops whole nodes of at most a hundred entries
    assert 100 <= client.xlen("facestream:replay") <= 300


def test_camera_and_people_are_told_also_the_one_taken_back(sink: RedisSink, client: redis.Redis) -> None:
    revised = replace(
        live(an_event(seq=2)),
        identity=Identity("p_77", "Bob"),
        previous_identity=ANN,
        watchlists=(Watchlist("vip", "greet"),),
    )
    with redis.client.PubSub(client.connection_pool) as heard:
        heard.psubscribe("facestream:*")
        heard.get_message(timeout=5.0)
        sink.publish([revised])
        messages = [heard.get_message(timeout=5.0) for _ in range(4)]
    assert all(message is not None and message["data"] == encode(revised).encode() for message in messages)
    assert [message["channel"] for message in messages if message is not None] == [
        b"facestream:camera:door",
        b"facestream:person:p_77",
        b"facestream:person:p_3f",
        b"facestream:watchlist:vip",
    ]


def test_a_refusal_of_redis_is_one_line(sink: RedisSink, client: redis.Redis) -> None:
    client.set("facestream:replay", "not a stream")
    with pytest.raises(BrokerError, match="did not confirm 1 events, from door:k3f9:17#1 on: ") as error:
        sink.publish([an_event()])
    assert str(error.value).partition("on: ")[2].startswith("WRONGTYPE")
    assert "Ann" not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_server_that_died_is_one_line(sink: RedisSink, broker: EmbeddedRedis) -> None:
    os.kill(server_pid(broker), signal.SIGKILL)
    with pytest.raises(BrokerError, match="Redis at here did not confirm") as error:
        sink.publish([an_event()])
    assert "\n" not in str(error.value)


def test_opening_without_a_server_says_so_and_lets_go(tmp_path_factory: pytest.TempPathFactory) -> None:
    nobody = tmp_path_factory.mktemp("nobody") / "redis.sock"
    sink = RedisSink(RemoteRedis(f"unix://{nobody}", "redis://*****@far"), "e", "r", 100)
    with pytest.raises(BrokerError, match=r"redis://\*\*\*\*\*@far cannot be reached: .*; start it"):
        sink.open()
    sink.close()

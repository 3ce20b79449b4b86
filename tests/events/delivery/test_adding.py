"""The one call that adds events: each once, numbered without holes, on every server that we say we run on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import redis

from pipeline.events.delivery.adding import NOBODY, Added, Numbered, add, add_each, numbers_key, remembered
from pipeline.events.delivery.stream_entry import entry_of
from tests.events.strategies import an_event
from tests.redis_process import DURABLE, RedisProcess, executable

pytestmark = pytest.mark.redis
STREAM = "facestream:events"
ENTRY = entry_of(an_event())


@pytest.fixture(scope="module", params=["embedded", "system"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisProcess]:
    """A server of each version."""
    made = RedisProcess(tmp_path_factory.mktemp("redis"), executable(request.param))
    made.start()
    yield made
    made.stop()


@pytest.fixture
def client(server: RedisProcess) -> Iterator[redis.Redis]:
    """A connection to an empty server."""
    with server.client() as connected:
        connected.flushall()
        yield connected


def put(
    client: redis.Redis, *numbers: int, producer: str = "one", believed: int = 0, ordinal: int | None = None
) -> Added:
    """Add events with these numbers, which are their ordinals too unless a first one is given."""
    first = numbers[0] if numbers else 0
    shift = 0 if ordinal is None else ordinal - first
    events = [Numbered(number, number + shift, ENTRY) for number in numbers]
    return add(client, STREAM, producer, believed, 100, events)


def ns(client: redis.Redis) -> list[int]:
    """The numbers of the stream's entries."""
    return [
        int(fields[b"n"])
        for _, fields in cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(STREAM))
    ]


def test_each_number_is_added_once(client: redis.Redis) -> None:
    assert put(client, 1, 2, 3) == Added(3, 3, None, "", False)
    assert put(client, 2, 3, 4) == Added(4, 1, None, "", False)
    assert put(client, 1) == Added(4, 0, None, "", False)
    assert ns(client) == [1, 2, 3, 4]
    assert remembered(client, STREAM, "one") == 4
    assert remembered(client, STREAM, "two") == 0


def test_numbers_of_microseconds_are_exact(client: redis.Redis) -> None:
    number = 2**53 - 3
    put(client, number, number + 1, ordinal=1)
    assert put(client, number + 1, number + 2, ordinal=2, believed=number + 1).added == 1
    assert remembered(client, STREAM, "one") == number + 2


def test_producers_are_apart_and_the_streams_numbers_are_common(client: redis.Redis) -> None:
    put(client, 5)
    put(client, 5, producer="two")
    put(client, 0, producer=NOBODY)
    put(client, 0, producer=NOBODY)
    assert ns(client) == [1, 2, 3, 4]


def test_a_batch_without_events_asks_and_adds_nothing(client: redis.Redis) -> None:
    put(client, 7)
    assert put(client) == Added(7, 0, None, "", False)
    assert ns(client) == [1]


def test_what_redis_forgot_is_said_and_nothing_done(client: redis.Redis) -> None:
    put(client, 1, 2)
    assert put(client, 9, believed=8) == Added(2, 0, None, "", True)
    assert put(client, 9, believed=2).added == 1
    client.flushall()
    assert put(client, 10, believed=9) == Added(0, 0, None, "", True)


def test_what_the_producer_dropped_is_a_hole_in_the_numbers(client: redis.Redis) -> None:
    put(client, 1, 2)
    put(client, 6, believed=2)
    put(client, 100, ordinal=7, believed=6)
    assert ns(client) == [1, 2, 6, 7]


def test_an_ordinal_that_goes_back_is_no_hole(client: redis.Redis) -> None:
    put(client, 50, ordinal=50)
    put(client, 60, ordinal=3)
    put(client, 61, ordinal=4)
    assert ns(client) == [1, 2, 3]


def test_the_stream_is_bounded_and_the_remembered_producers_too(client: redis.Redis) -> None:
    for start in range(1, 1000, 50):
        put(client, *range(start, start + 50))
    assert 100 <= client.xlen(STREAM) <= 300
    for number in range(300):
        put(client, 1000 + number, producer=f"p{number}")
    assert client.hlen(numbers_key(STREAM)) <= 258
    assert remembered(client, STREAM, "p299") == 1299
    assert remembered(client, STREAM, "one") == 0


def test_a_server_that_lost_its_scripts_is_given_them_again(client: redis.Redis) -> None:
    put(client, 1)
    client.script_flush()
    assert put(client, 2).added == 1


def test_copies_go_to_the_channels(client: redis.Redis, server: RedisProcess) -> None:
    with redis.client.PubSub(client.connection_pool) as heard:
        heard.psubscribe("facestream:*")
        heard.get_message(timeout=5.0)
        put(client, 1)
        messages = [heard.get_message(timeout=5.0) for _ in ENTRY.channels]
    assert [each and each["channel"] for each in messages] == list(ENTRY.channels)
    assert all(each and each["data"] == ENTRY.event for each in messages)


def a_user(client: redis.Redis, name: str, but: str) -> None:
    """A user with the password x who may use every command but one."""
    commands = ["+@all", f"-{but}"]
    client.acl_setuser(name, enabled=True, passwords=["+x"], keys=["*"], commands=commands)


@pytest.mark.parametrize("key", [STREAM, numbers_key(STREAM)])
def test_a_key_that_is_something_else_is_a_refusal_and_nothing_is_added(
    client: redis.Redis, key: str
) -> None:
    client.set(key, "text")
    try:
        refused = str(put(client, 1).refusal)
    except redis.ResponseError as error:
        refused = str(error)
    assert refused.startswith("WRONGTYPE")
    client.delete(key)
    assert put(client, 1).added == 1
    assert ns(client) == [1]


def test_a_full_server_refuses_a_batch_whole(client: redis.Redis) -> None:
    put(client, 1)
    client.config_set("maxmemory", "1")
    try:
        with pytest.raises(redis.RedisError, match=r"used memory|OOM"):
            put(client, 2, 3)
    finally:
        client.config_set("maxmemory", "0")
    assert put(client, 2, 3) == Added(3, 2, None, "", False)


def test_who_may_not_write_the_numbers_adds_nothing(client: redis.Redis, server: RedisProcess) -> None:
    a_user(client, "half", "hset")
    with (
        redis.Redis.from_url(f"unix://half:x@{server.folder / 's'}", protocol=2) as half,
        pytest.raises(redis.RedisError, match=r"permission|can't run"),
    ):
        put(half, 1)
    assert client.xlen(STREAM) == 0


def test_copies_that_may_not_be_published_are_said_and_the_event_is_added(
    client: redis.Redis, server: RedisProcess
) -> None:
    a_user(client, "mute", "publish")
    with redis.Redis.from_url(f"unix://mute:x@{server.folder / 's'}", protocol=2) as mute:
        added = put(mute, 1)
    assert added.added == 1
    assert added.unheard
    assert client.xlen(STREAM) == 1


def put_each(client: redis.Redis, *numbers: int, believed: int = 0) -> Added:
    """Add events one by one."""
    return add_each(
        client, STREAM, "one", believed, 100, [Numbered(number, number, ENTRY) for number in numbers]
    )


def test_one_by_one_each_is_added_once_too(client: redis.Redis) -> None:
    put(client)
    assert put_each(client, 1, 2, 3) == Added(3, 3, None, "", False)
    assert put_each(client, 2, 3, 4, believed=1) == Added(4, 1, None, "", False)
    assert put_each(client, 9, 10, believed=8) == Added(4, 0, None, "", True)
    assert ns(client) == [1, 2, 3, 4]


def test_behind_one_that_is_refused_none_is_added(client: redis.Redis) -> None:
    put(client, 1)
    events = [Numbered(number, number, ENTRY) for number in (2, 3, 4)]
    client.rename(STREAM, "aside")
    client.set(STREAM, "text")
    added = add_each(client, STREAM, "one", 1, 100, events)
    assert (added.last, added.added, added.forgotten) == (1, 0, False)
    assert str(added.refusal).startswith("WRONGTYPE")
    assert remembered(client, STREAM, "one") == 1
    client.delete(STREAM)
    client.rename("aside", STREAM)
    assert add_each(client, STREAM, "one", 1, 100, events).added == 3
    assert ns(client) == [1, 2, 3, 4]


def test_without_the_script_one_by_one_is_refused(client: redis.Redis) -> None:
    client.script_flush()
    added = put_each(client, 1)
    assert isinstance(added.refusal, redis.exceptions.NoScriptError)
    assert added.added == 0


def test_an_append_only_file_that_breaks_off_in_a_transaction_doubles_nothing(
    tmp_path: Path, server: RedisProcess
) -> None:
    torn = RedisProcess(tmp_path / "redis", server.executable, DURABLE)
    torn.start()
    with torn.client() as client:
        put(client)
        put_each(client, 1, 2, 3)
    for cut in (20, 200, 1000):
        torn.kill()
        file = torn.append_only_file()
        os.truncate(file, file.stat().st_size - cut)
        torn.start()
        with torn.client() as client:
            last = put(client).last
            put_each(client, *range(last + 1, 5), believed=last)
    torn.kill()
    torn.start()
    with torn.client() as client:
        assert ns(client) == [1, 2, 3, 4]
    torn.stop()


def test_the_numbers_lie_in_the_streams_slot() -> None:
    assert numbers_key("a") == "{a}:numbers"
    assert numbers_key("{x}a") == "{x}a:numbers"

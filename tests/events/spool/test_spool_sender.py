"""What Redis forgets, refuses and can never take, and what becomes of the events behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.clock import ManualClock
from pipeline.events.delivery.adding import numbers_key
from pipeline.events.delivery.broker import RemoteRedis
from pipeline.events.spool.spooled_sink import SpooledSink
from tests.events.spooling import RULES, STREAM, all_sent, events, ns, told, until
from tests.redis_process import RedisProcess

pytestmark = pytest.mark.redis


def test_a_server_that_forgot_is_told_again_what_is_still_kept(
    spooled: SpooledSink, redis_process: RedisProcess
) -> None:
    redis_process.start()
    spooled.publish(events(1, 2, 3))
    until(spooled, all_sent)
    with redis_process.client() as client:
        client.flushall()
        spooled.publish(events(4))
        until(spooled, lambda state: state.published == 7)
        assert told(client) == [1, 2, 3, 4]
        client.flushall()
        until(
            spooled, lambda state: state.published == 11
        )  # it looks now and then, also when nothing is to be sent
        assert told(client) == [1, 2, 3, 4]


def test_a_stream_that_was_deleted_on_purpose_stays_so(
    spooled: SpooledSink, redis_process: RedisProcess
) -> None:
    redis_process.start()
    spooled.publish(events(1))
    until(spooled, all_sent)
    with redis_process.client() as client:
        client.delete(STREAM)
        spooled.publish(events(2))
        until(spooled, lambda state: state.published == 2)
        assert told(client) == [2]


@pytest.mark.parametrize("key", [STREAM, numbers_key(STREAM)])
def test_a_wrong_key_is_said_and_waited_for(
    spooled: SpooledSink, redis_process: RedisProcess, key: str
) -> None:
    redis_process.start()
    with redis_process.client() as client:
        client.set(key, "text")
        spooled.publish(events(1, 2))
        state = until(spooled, lambda state: "WRONGTYPE" in (state.redis_problem or ""))
        assert "choose another name" in (state.redis_problem or "")
        client.delete(key)
        until(spooled, all_sent)
        assert told(client) == [1, 2]


def test_a_full_server_is_said_and_waited_for(spooled: SpooledSink, redis_process: RedisProcess) -> None:
    redis_process.start()
    with redis_process.client() as client:
        client.config_set("maxmemory", "1")
        spooled.publish(events(1, 2))
        until(spooled, lambda state: "raise its maxmemory" in (state.problem or ""))
        client.config_set("maxmemory", "0")
        until(spooled, all_sent)
        assert told(client) == [1, 2]


def test_a_replica_is_said_and_waited_for(spooled: SpooledSink, redis_process: RedisProcess) -> None:
    redis_process.start()
    with redis_process.client() as client:
        client.slaveof("127.0.0.1", 1)
        client.config_set("replica-serve-stale-data", "yes")
        spooled.publish(events(1))
        until(
            spooled, lambda state: "give redis.url the address of the primary" in (state.redis_problem or "")
        )
        client.slaveof()
        until(spooled, all_sent)
        assert told(client) == [1]


def test_an_event_that_redis_can_never_take_does_not_hold_up_the_others(
    tmp_path: Path, redis_process: RedisProcess
) -> None:
    redis_process.start()
    # on this clock the waits between the many tries take no time
    sink = SpooledSink(
        tmp_path / "spool", RemoteRedis(redis_process.url, "here"), STREAM, 100, RULES, ManualClock()
    )
    sink.open()
    with redis_process.client() as client:
        client.config_set("proto-max-bulk-len", str(2**20))
        huge = replace(events(2)[0], snapshot="x" * 2**21)
        sink.publish([*events(1), huge, *events(3, 4)])
        state = until(sink, lambda state: all_sent(state) and state.dropped.refused == 1)
        assert told(client) == [1, 3, 4]
        assert ns(client) == [1, 3, 4]
    sink.close()
    assert state.published == 3

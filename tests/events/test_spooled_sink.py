"""Live events by way of the disk: what happens to the server, the disk and the program, and what is said of it."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import redis

from pipeline.clock import ManualClock
from pipeline.errors import OutsideError
from pipeline.events.adding import numbers_key
from pipeline.events.broker import RemoteRedis
from pipeline.events.encode import EventFormatError
from pipeline.events.event import IdentityEvent, Mode
from pipeline.events.redis_server import EmbeddedRedis
from pipeline.events.spool import SpoolRules
from pipeline.events.spool_segment import segments_in
from pipeline.events.spool_state import SpoolState
from pipeline.events.spooled_sink import KeptRunning, SpooledSink
from tests.events.strategies import an_event
from tests.redis_process import DURABLE, RedisProcess, executable

pytestmark = pytest.mark.redis
STREAM = "facestream:events"
PATIENCE_S = 30.0
RULES = SpoolRules(keep_s=300.0, max_bytes=2**26)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server that can be killed; not started yet."""
    made = RedisProcess(tmp_path / "redis", executable("system"), DURABLE)
    yield made
    made.stop()


@pytest.fixture
def sink(tmp_path: Path, server: RedisProcess) -> Iterator[SpooledSink]:
    """An open sink to it."""
    made = a_sink(tmp_path, server.url)
    made.open()
    yield made
    made.close()


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


def test_events_are_told_in_order(sink: SpooledSink, server: RedisProcess) -> None:
    server.start()
    for number in range(50):
        sink.publish(events(number))
    state = until(sink, lambda state: all_sent(state) and state.published == 50)
    assert state.connected
    assert state.problem is None
    assert (state.unflushed, state.dropped.total) == (0, 0)
    with server.client() as client:
        assert told(client) == list(range(50))
        assert ns(client) == list(range(1, 51))


def test_it_opens_and_takes_events_without_a_server(sink: SpooledSink, server: RedisProcess) -> None:
    sink.publish(events(*range(20)))
    state = until(sink, lambda state: state.problem is not None and state.unflushed == 0)
    assert not state.connected
    assert (state.waiting, state.published) == (20, 0)
    assert state.oldest_waiting_s is not None
    assert state.redis_problem is not None
    assert state.redis_problem.startswith("Redis at redis://*****@here cannot be reached: ")
    server.start()
    until(sink, all_sent)
    with server.client() as client:
        assert told(client) == list(range(20))


def test_what_waits_survives_a_restart(tmp_path: Path, server: RedisProcess) -> None:
    for start in (0, 5):
        sink = a_sink(tmp_path, server.url)
        sink.open()
        sink.publish(events(*range(start, start + 5)))
        began = time.monotonic()
        sink.close()
        assert time.monotonic() - began < 3.0, "Redis is away: there is nothing to wait for"
    server.start()
    sink.open()
    until(sink, all_sent)
    sink.close()
    with server.client() as client:
        assert told(client) == list(range(10))
        assert ns(client) == list(range(1, 11))


def test_close_brings_to_redis_what_it_can(tmp_path: Path, server: RedisProcess) -> None:
    server.start()
    sink = a_sink(tmp_path, server.url)
    sink.open()
    sink.publish(events(*range(3000)))
    sink.close()
    with server.client() as client:
        assert client.xlen(STREAM) == 3000


def test_a_server_that_forgot_is_told_again_what_is_still_kept(
    sink: SpooledSink, server: RedisProcess
) -> None:
    server.start()
    sink.publish(events(1, 2, 3))
    until(sink, all_sent)
    with server.client() as client:
        client.flushall()
        sink.publish(events(4))
        until(sink, lambda state: state.published == 7)
        assert told(client) == [1, 2, 3, 4]
        client.flushall()
        until(
            sink, lambda state: state.published == 11
        )  # it looks now and then, also when nothing is to be sent
        assert told(client) == [1, 2, 3, 4]


def test_a_stream_that_was_deleted_on_purpose_stays_so(sink: SpooledSink, server: RedisProcess) -> None:
    server.start()
    sink.publish(events(1))
    until(sink, all_sent)
    with server.client() as client:
        client.delete(STREAM)
        sink.publish(events(2))
        until(sink, lambda state: state.published == 2)
        assert told(client) == [2]


def test_another_spool_goes_on_beside_it(tmp_path: Path, sink: SpooledSink, server: RedisProcess) -> None:
    server.start()
    other = a_sink(tmp_path / "other", server.url)
    other.open()
    for number in range(10):
        sink.publish(events(number))
        other.publish(events(number))
    until(sink, all_sent)
    until(other, all_sent)
    other.close()
    with server.client() as client:
        assert sorted(told(client)) == sorted([*range(10), *range(10)])
        assert ns(client) == list(range(1, 21))


def test_a_second_one_on_the_folder_is_refused(
    tmp_path: Path, sink: SpooledSink, server: RedisProcess
) -> None:
    with pytest.raises(OutsideError, match="another monitor runs on this data folder"):
        a_sink(tmp_path, server.url).open()


@pytest.mark.parametrize("key", [STREAM, numbers_key(STREAM)])
def test_a_wrong_key_is_said_and_waited_for(sink: SpooledSink, server: RedisProcess, key: str) -> None:
    server.start()
    with server.client() as client:
        client.set(key, "text")
        sink.publish(events(1, 2))
        state = until(sink, lambda state: "WRONGTYPE" in (state.redis_problem or ""))
        assert "choose another name" in (state.redis_problem or "")
        client.delete(key)
        until(sink, all_sent)
        assert told(client) == [1, 2]


def test_a_full_server_is_said_and_waited_for(sink: SpooledSink, server: RedisProcess) -> None:
    server.start()
    with server.client() as client:
        client.config_set("maxmemory", "1")
        sink.publish(events(1, 2))
        until(sink, lambda state: "raise its maxmemory" in (state.problem or ""))
        client.config_set("maxmemory", "0")
        until(sink, all_sent)
        assert told(client) == [1, 2]


def test_a_replica_is_said_and_waited_for(sink: SpooledSink, server: RedisProcess) -> None:
    server.start()
    with server.client() as client:
        client.slaveof("127.0.0.1", 1)
        client.config_set("replica-serve-stale-data", "yes")
        sink.publish(events(1))
        until(sink, lambda state: "give redis.url the address of the primary" in (state.redis_problem or ""))
        client.slaveof()
        until(sink, all_sent)
        assert told(client) == [1]


def test_an_event_that_redis_can_never_take_does_not_hold_up_the_others(
    tmp_path: Path, server: RedisProcess
) -> None:
    server.start()
    # on this clock the waits between the many tries take no time
    sink = SpooledSink(tmp_path / "spool", RemoteRedis(server.url, "here"), STREAM, 100, RULES, ManualClock())
    sink.open()
    with server.client() as client:
        client.config_set("proto-max-bulk-len", str(2**20))
        huge = replace(events(2)[0], snapshot="x" * 2**21)
        sink.publish([*events(1), huge, *events(3, 4)])
        state = until(sink, lambda state: all_sent(state) and state.dropped.refused == 1)
        assert told(client) == [1, 3, 4]
        assert ns(client) == [1, 3, 4]
    sink.close()
    assert state.published == 3


def test_a_full_disk_is_said_and_events_go_on(sink: SpooledSink, server: RedisProcess) -> None:
    server.start()
    sink.publish(events(1))
    until(sink, all_sent)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with server.client() as client:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            sink.publish(events(2))
            state = until(sink, lambda state: state.published == 2)
            assert "cannot be written" in (state.disk_problem or "")
            assert state.redis_problem is None
            sink.publish(events(3))
            until(sink, lambda state: state.published == 3)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        until(sink, lambda state: state.disk_problem is None)
        sink.publish(events(4))
        until(sink, all_sent)
        assert told(client) == [1, 2, 3, 4]
        assert ns(client) == [1, 2, 3, 4]


def test_a_spool_that_is_full_leaves_a_hole_that_readers_see(tmp_path: Path, server: RedisProcess) -> None:
    server.start()
    sink = a_sink(tmp_path, server.url, SpoolRules(300.0, 16_000))
    sink.open()
    sink.publish(events(0))
    until(sink, all_sent)
    server.kill()
    for number in range(1, 80):
        sink.publish(events(number))
        until(sink, lambda state: state.unflushed == 0)
    state = sink.state()
    assert state.bytes <= 16_000
    assert state.waiting + state.dropped.full == 79
    assert state.dropped.full > 40
    server.start()
    until(sink, all_sent)
    sink.close()
    with server.client() as client:
        first, *others = told(client)
        assert (first, others) == (0, list(range(others[0], 80)))
        assert ns(client) == [number + 1 for number in (first, *others)]


def test_damage_is_counted_and_passed_over(tmp_path: Path, server: RedisProcess) -> None:
    sink = a_sink(tmp_path, server.url)
    sink.open()
    sink.publish(events(*range(10)))
    sink.close()
    (path,) = [each for each in segments_in(tmp_path / "spool") if each.stat().st_size > 100]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    server.start()
    sink.open()
    state = until(sink, lambda state: state.published == 9)
    sink.close()
    assert state.dropped.damaged == 1
    with server.client() as client:
        assert len(told(client)) == 9
        assert ns(client)[-1] == 10


def test_our_own_server_is_revived(tmp_path: Path) -> None:
    sink = SpooledSink(tmp_path / "spool", EmbeddedRedis(tmp_path), STREAM, 1000, RULES)
    sink.open()
    sink.publish(events(1))
    until(sink, all_sent)
    with EmbeddedRedis(tmp_path) as broker, redis.Redis.from_url(broker.open()) as client:
        pid = client.info("server")["process_id"]
    os.kill(pid, signal.SIGKILL)
    sink.publish(events(2))
    until(sink, all_sent)
    with EmbeddedRedis(tmp_path) as broker, redis.Redis.from_url(broker.open(), protocol=2) as client:
        assert told(client) == [1, 2]
        sink.close()


def test_bad_events_are_refused_whole(sink: SpooledSink) -> None:
    with pytest.raises(EventFormatError):
        sink.publish([*events(1), replace(events(2)[0], quality=1.5)])
    with pytest.raises(ValueError, match="only events of cameras"):
        sink.publish([*events(1), an_event()])
    assert sink.state().waiting == 0


def test_it_must_be_open_and_may_be_closed_twice(tmp_path: Path, server: RedisProcess) -> None:
    sink = a_sink(tmp_path, server.url)
    sink.close()
    with pytest.raises(RuntimeError, match="not open"):
        sink.publish(events(1))
    sink.open()
    sink.open()
    sink.close()
    sink.close()
    with pytest.raises(RuntimeError, match="not open"):
        sink.publish(events(1))


def test_a_thread_that_fails_says_so_and_begins_again() -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise KeyError("a fault of ours")

    running = KeptRunning("facestream-test", work)
    running.start()
    deadline = time.monotonic() + PATIENCE_S
    while len(tries) < 2:
        if running.fault is not None:
            assert "KeyError" in running.fault
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert running.end(PATIENCE_S)
    assert running.fault is None

"""Live events by way of the disk: what happens to the server, the disk and the program, and what is said of it."""

from __future__ import annotations

import os
import resource
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from pipeline.errors import OutsideError
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.events.encode import EventFormatError
from pipeline.events.spool.spool import SpoolRules
from pipeline.events.spool.spool_segment import segments_in
from pipeline.events.spool.spooled_sink import KeptRunning, SpooledSink
from tests.events.spooling import PATIENCE_S, RULES, STREAM, a_sink, all_sent, events, ns, told, until
from tests.events.strategies import an_event
from tests.redis_process import RedisProcess

pytestmark = pytest.mark.redis


def test_events_are_told_in_order(spooled: SpooledSink, redis_process: RedisProcess) -> None:
    redis_process.start()
    for number in range(50):
        spooled.publish(events(number))
    state = until(spooled, lambda state: all_sent(state) and state.published == 50)
    assert state.connected
    assert state.problem is None
    assert (state.unflushed, state.dropped.total) == (0, 0)
    with redis_process.client() as client:
        assert told(client) == list(range(50))
        assert ns(client) == list(range(1, 51))


def test_it_opens_and_takes_events_without_a_server(
    spooled: SpooledSink, redis_process: RedisProcess
) -> None:
    spooled.publish(events(*range(20)))
    state = until(spooled, lambda state: state.problem is not None and state.unflushed == 0)
    assert not state.connected
    assert (state.waiting, state.published) == (20, 0)
    assert state.oldest_waiting_s is not None
    assert state.redis_problem is not None
    assert state.redis_problem.startswith("Redis at redis://*****@here cannot be reached: ")
    redis_process.start()
    until(spooled, all_sent)
    with redis_process.client() as client:
        assert told(client) == list(range(20))


def test_what_waits_survives_a_restart(tmp_path: Path, redis_process: RedisProcess) -> None:
    for start in (0, 5):
        sink = a_sink(tmp_path, redis_process.url)
        sink.open()
        sink.publish(events(*range(start, start + 5)))
        began = time.monotonic()
        sink.close()
        assert time.monotonic() - began < 3.0, "Redis is away: there is nothing to wait for"
    redis_process.start()
    sink.open()
    until(sink, all_sent)
    sink.close()
    with redis_process.client() as client:
        assert told(client) == list(range(10))
        assert ns(client) == list(range(1, 11))


def test_close_tries_a_server_once_more_that_was_away(tmp_path: Path, redis_process: RedisProcess) -> None:
    sink = a_sink(tmp_path, redis_process.url)
    sink.open()
    sink.publish(events(*range(5)))
    until(sink, lambda state: state.problem is not None and state.unflushed == 0)
    time.sleep(3.0)  # the next try of its own is seconds away
    redis_process.start()
    sink.close()
    with redis_process.client() as client:
        assert told(client) == list(range(5))


def test_close_brings_to_redis_what_it_can(tmp_path: Path, redis_process: RedisProcess) -> None:
    redis_process.start()
    sink = a_sink(tmp_path, redis_process.url)
    sink.open()
    sink.publish(events(*range(3000)))
    sink.close()
    with redis_process.client() as client:
        assert client.xlen(STREAM) == 3000


def test_another_spool_goes_on_beside_it(
    tmp_path: Path, spooled: SpooledSink, redis_process: RedisProcess
) -> None:
    redis_process.start()
    other = a_sink(tmp_path / "other", redis_process.url)
    other.open()
    for number in range(10):
        spooled.publish(events(number))
        other.publish(events(number))
    until(spooled, all_sent)
    until(other, all_sent)
    other.close()
    with redis_process.client() as client:
        assert sorted(told(client)) == sorted([*range(10), *range(10)])
        assert ns(client) == list(range(1, 21))


def test_a_second_one_on_the_folder_is_refused(
    tmp_path: Path, spooled: SpooledSink, redis_process: RedisProcess
) -> None:
    with pytest.raises(OutsideError, match="another monitor runs on this data folder"):
        a_sink(tmp_path, redis_process.url).open()


def test_a_full_disk_is_said_and_events_go_on(spooled: SpooledSink, redis_process: RedisProcess) -> None:
    redis_process.start()
    spooled.publish(events(1))
    until(spooled, all_sent)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with redis_process.client() as client:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            spooled.publish(events(2))
            state = until(spooled, lambda state: state.published == 2)
            assert "cannot be written" in (state.disk_problem or "")
            assert state.redis_problem is None
            spooled.publish(events(3))
            until(spooled, lambda state: state.published == 3)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        until(spooled, lambda state: state.disk_problem is None)
        spooled.publish(events(4))
        until(spooled, all_sent)
        assert told(client) == [1, 2, 3, 4]
        assert ns(client) == [1, 2, 3, 4]


def test_what_neither_disk_nor_redis_took_is_said_to_be_lost(
    spooled: SpooledSink, redis_process: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    spooled.publish(events(1))
    until(spooled, lambda state: state.unflushed == 0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        spooled.publish(events(2, 3))
        until(spooled, lambda state: state.disk_problem is not None)
        spooled.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = [record.message for record in caplog.records]
    assert any(words.startswith("2 events are lost: neither") for words in said)
    assert any(words.startswith("1 events are not published yet: they wait in") for words in said)


def test_a_spool_that_is_full_leaves_a_hole_that_readers_see(
    tmp_path: Path, redis_process: RedisProcess
) -> None:
    redis_process.start()
    sink = a_sink(tmp_path, redis_process.url, SpoolRules(300.0, 16_000))
    sink.open()
    sink.publish(events(0))
    until(sink, all_sent)
    redis_process.kill()
    for number in range(1, 80):
        sink.publish(events(number))
        until(sink, lambda state: state.unflushed == 0)
    state = sink.state()
    assert state.bytes <= 16_000
    assert state.waiting + state.dropped.full == 79
    assert state.dropped.full > 40
    redis_process.start()
    until(sink, all_sent)
    sink.close()
    with redis_process.client() as client:
        first, *others = told(client)
        assert (first, others) == (0, list(range(others[0], 80)))
        assert ns(client) == [number + 1 for number in (first, *others)]


def test_damage_is_counted_and_passed_over(tmp_path: Path, redis_process: RedisProcess) -> None:
    sink = a_sink(tmp_path, redis_process.url)
    sink.open()
    sink.publish(events(*range(10)))
    sink.close()
    (path,) = [each for each in segments_in(tmp_path / "spool") if each.stat().st_size > 100]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    redis_process.start()
    sink.open()
    state = until(sink, lambda state: state.published == 9)
    sink.close()
    assert state.dropped.damaged == 1
    with redis_process.client() as client:
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


def test_bad_events_are_refused_whole(spooled: SpooledSink) -> None:
    with pytest.raises(EventFormatError):
        spooled.publish([*events(1), replace(events(2)[0], quality=1.5)])
    with pytest.raises(ValueError, match="only events of cameras"):
        spooled.publish([*events(1), an_event()])
    assert spooled.state().waiting == 0


def test_it_must_be_open_and_may_be_closed_twice(tmp_path: Path, redis_process: RedisProcess) -> None:
    sink = a_sink(tmp_path, redis_process.url)
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

"""Following events: whom they concern, and what happens when Redis goes away."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import redis

from pipeline.errors import BrokerError
from pipeline.events.delivery.broker import RemoteRedis
from pipeline.events.delivery.gap import Gap
from pipeline.events.delivery.group import GroupReader
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.events.delivery.redis_sink import RedisSink
from pipeline.events.delivery.stream import LastIdReader, Since, StreamReader, parse_since
from pipeline.events.delivery.subscribe import Interest, Subscription
from pipeline.events.event import EventType, Identity, IdentityEvent
from pipeline.types import Watchlist
from tests.events.delivery.test_redis_server import is_running, server_pid
from tests.events.strategies import ANN, an_event

STREAM = "facestream:replay"
BOB = Identity("p_77", "Bob")


def publish(broker: EmbeddedRedis, *events: IdentityEvent) -> None:
    """Publish through a sink of its own."""
    sink = RedisSink(RemoteRedis(broker.open(), "here"), "facestream:events", STREAM, 1000)
    sink.open()
    sink.publish(events)
    sink.close()


def follow(broker: EmbeddedRedis, said: list[str], since: str = "0") -> Subscription:
    """A subscription to replays, on the folder of `broker`."""
    return Subscription(
        EmbeddedRedis(Path(broker.shown).parent), LastIdReader(STREAM, parse_since(since)), said.append
    )


@pytest.mark.parametrize(
    ("interest", "wanted"),
    [
        (Interest(), True),
        (Interest(cameras=frozenset({"door"})), True),
        (Interest(cameras=frozenset({"Door"})), False),
        (Interest(cameras=frozenset({"yard", "door"})), True),
        (Interest(people=frozenset({"p_3f"})), True),
        (Interest(people=frozenset({"ANN"})), True),
        (Interest(people=frozenset({"An"})), False),
        (Interest(types=frozenset({EventType.NEW})), True),
        (Interest(types=frozenset({EventType.END, EventType.UPDATE})), False),
        (Interest(frozenset({"door"}), frozenset({"Bob"})), False),
        (Interest(watchlists=frozenset({"VIP"})), True),
        (Interest(watchlists=frozenset({"banned"})), False),
    ],
)
def test_interest(interest: Interest, wanted: bool) -> None:
    assert interest.wants(replace(an_event(), watchlists=(Watchlist("vip", "greet"),))) == wanted


def test_a_name_taken_back_concerns_both_and_a_stranger_has_an_id() -> None:
    revised = replace(an_event(seq=2), identity=BOB, previous_identity=ANN)
    assert Interest(people=frozenset({"Ann"})).wants(revised)
    assert Interest(people=frozenset({"Bob"})).wants(revised)
    assert Interest(people=frozenset({"s_41"})).wants(an_event(who=None))
    assert not Interest(people=frozenset({"Ann"})).wants(an_event(who=None))


@pytest.mark.redis
def test_it_gives_every_event_in_order_and_ends_when_told(broker: EmbeddedRedis) -> None:
    events = [an_event(), an_event(seq=2), an_event(number=18)]
    publish(broker, *events)
    said: list[str] = []
    subscription = follow(broker, said)
    got = []
    for event in subscription:
        got.append(event)
        if len(got) == len(events):
            subscription.stop()
    assert got == events
    assert said == []


@pytest.mark.redis
def test_it_goes_on_after_the_last_event_when_the_server_was_killed(broker: EmbeddedRedis) -> None:
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        if "is back" in line:
            publish(broker, an_event(seq=2))

    publish(broker, an_event(number=16))
    reader = LastIdReader(STREAM, parse_since("0"))
    subscription = Subscription(EmbeddedRedis(Path(broker.shown).parent), reader, say)
    with closing(iter(subscription)) as events:
        assert next(events) == an_event(number=16)
        os.kill(server_pid(broker), signal.SIGKILL)
        assert next(events) == an_event(seq=2)
    assert "went away" in said[0]
    assert "is back" in said[-1]


@pytest.mark.redis
def test_what_other_programs_wrote_is_skipped_and_said(broker: EmbeddedRedis, client: redis.Redis) -> None:
    client.xadd(STREAM, {"hello": "world"})
    client.xadd(STREAM, {"event": b"\xff\xfe"})
    client.xadd(STREAM, {"event": '{"schema": 2}'})
    publish(broker, an_event())
    said: list[str] = []
    with closing(iter(follow(broker, said))) as events:
        assert next(events) == an_event()
    assert [line.partition(" is skipped: ")[2][:12] for line in said] == [
        "it has no fi",
        "not an event",
        "not an event",
    ]


@pytest.mark.redis
def test_in_a_group_an_event_counts_as_done_when_the_next_is_asked_for(
    broker: EmbeddedRedis, client: redis.Redis
) -> None:
    publish(broker, an_event(), an_event(seq=2))

    def member() -> Subscription:
        return Subscription(
            RemoteRedis(broker.open(), "here"), GroupReader(STREAM, "g", "one", parse_since("0")), print
        )

    with closing(iter(member())) as events:
        next(events)
        assert next(events) == an_event(seq=2)
    assert client.xpending(STREAM, "g")["pending"] == 1
    again = member()
    for event in again:
        assert event == an_event(seq=2)
        again.stop()
    assert client.xpending(STREAM, "g")["pending"] == 0


@pytest.mark.redis
def test_a_gap_is_told_before_the_event_that_follows_it(broker: EmbeddedRedis, client: redis.Redis) -> None:
    publish(broker, *(an_event(number=number) for number in range(4)))
    _, second, third, _ = (
        entry_id for entry_id, _ in cast("list[tuple[bytes, object]]", client.xrange(STREAM))
    )
    client.xdel(STREAM, second, third)
    said: list[str] = []
    gaps: list[Gap] = []
    reader = LastIdReader(STREAM, parse_since("0"))
    subscription = Subscription(RemoteRedis(broker.open(), "here"), reader, said.append, gaps.append)
    with closing(iter(subscription)) as events:
        assert next(events) == an_event(number=0)
        assert gaps == []
        assert next(events) == an_event(number=3)
    assert [gap.missed for gap in gaps] == [2]
    assert said == [str(gaps[0])]


@pytest.mark.redis
def test_in_a_group_what_the_caller_failed_on_is_not_done(broker: EmbeddedRedis, client: redis.Redis) -> None:
    publish(broker, an_event(), an_event(seq=2))
    reader = GroupReader(STREAM, "g", "one", parse_since("0"))

    def handle_all() -> None:
        for _ in Subscription(RemoteRedis(broker.open(), "here"), reader, print):
            raise KeyError("a fault of the handler")

    with pytest.raises(KeyError):
        handle_all()
    assert client.xpending(STREAM, "g")["pending"] == 2


@pytest.mark.redis
def test_a_stream_that_is_none_is_one_line(broker: EmbeddedRedis, client: redis.Redis) -> None:
    client.set(STREAM, "text")
    with pytest.raises(BrokerError, match="does not give the stream facestream:replay: WRONGTYPE") as error:
        list(follow(broker, []))
    assert "\n" not in str(error.value)


@pytest.mark.redis
def test_it_lets_go_of_the_server(tmp_path: Path) -> None:
    subscription = Subscription(EmbeddedRedis(tmp_path), LastIdReader(STREAM, Since()), print)
    subscription.stop()
    assert list(subscription) == []
    assert not is_running(tmp_path)


def test_no_server_at_first_is_an_error(tmp_path: Path) -> None:
    nobody = RemoteRedis(f"unix://{tmp_path}/nobody.sock", "redis://far")
    with pytest.raises(BrokerError, match="Redis at redis://far cannot be reached"):
        list(Subscription(nobody, LastIdReader(STREAM, Since()), print))


@pytest.mark.parametrize(
    ("refuse", "allow", "reader", "why"),
    [
        (
            "ACL SETUSER default -xread",
            "ACL SETUSER default +xread",
            LastIdReader(STREAM, parse_since("0")),
            "its user may not",
        ),
        (
            "CONFIG SET maxmemory 1",
            "CONFIG SET maxmemory 0",
            GroupReader(STREAM, "g", "a", parse_since("0")),
            "its memory is full",
        ),
    ],
)
def test_what_redis_refuses_for_a_while_is_waited_for(
    refuse: str, allow: str, reader: StreamReader, why: str, tmp_path: Path
) -> None:
    broker, said = EmbeddedRedis(tmp_path), list[str]()
    with closing(broker), redis.Redis.from_url(broker.open()) as client:
        publish(broker, an_event("door", 1), an_event("door", 2))
        following = iter(Subscription(EmbeddedRedis(tmp_path), reader, said.append))
        first = [next(following), next(following)]
        publish(broker, an_event("door", 3))
        client.execute_command(*refuse.split())
        threading.Timer(0.6, client.execute_command, allow.split()).start()
        third = next(following)
        following.close()
    assert [event.sighting_id for event in [*first, third]] == ["door:k3f9:1", "door:k3f9:2", "door:k3f9:3"]
    assert why in said[0]
    assert said[-1].endswith("is back: going on after the last event")

"""What every sink promises, over all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipeline.events.delivery.broker import connect
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.events.delivery.redis_sink import RedisSink
from pipeline.events.encode import EventFormatError, encode
from pipeline.events.event import Identity, IdentityEvent, Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.events.sink import EventSink
from pipeline.events.spool.spool import SpoolRules
from pipeline.events.spool.spooled_sink import SpooledSink
from tests.events.strategies import ANN, an_event


@dataclass(frozen=True, slots=True)
class Case:
    """A sink, and how to read what it was told."""

    sink: EventSink
    told: Callable[[], list[str]]


@pytest.fixture(
    params=[
        "memory",
        pytest.param("redis", marks=pytest.mark.redis),
        pytest.param("spooled", marks=pytest.mark.redis),
    ]
)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    """Each sink in turn."""
    if request.param == "memory":
        memory = MemorySink()
        yield Case(memory, lambda: memory.lines)
        return
    with EmbeddedRedis(tmp_path) as broker, connect(broker.open(), broker.shown) as client:

        def told() -> list[str]:
            return [fields[b"event"].decode() for _, fields in client.xrange("live")]

        if request.param == "redis":
            yield Case(RedisSink(EmbeddedRedis(tmp_path), "live", "replay", 1000), told)
            return
        rules = SpoolRules(keep_s=300.0, max_bytes=2**20)
        spooled = SpooledSink(tmp_path / "spool", EmbeddedRedis(tmp_path), "live", 1000, rules)

        def told_later() -> list[str]:
            while spooled.state().waiting:
                time.sleep(0.005)
            return told()

        yield Case(spooled, told_later)


def live(seq: int = 1, number: int = 17, who: Identity | None = ANN) -> IdentityEvent:
    """An event of a camera."""
    return replace(an_event(seq=seq, number=number, who=who), mode=Mode.LIVE)


def test_events_are_told_in_order_and_stay_told(case: Case) -> None:
    events = [live(), live(seq=2), live(number=18, who=None)]
    case.sink.open()
    case.sink.publish(events[:1])
    case.sink.publish([])
    case.sink.publish(events[1:])
    case.sink.close()
    assert case.told() == [encode(event) for event in events]


def test_a_batch_with_a_bad_event_is_told_not_at_all(case: Case) -> None:
    case.sink.open()
    with pytest.raises(EventFormatError):
        case.sink.publish([live(), replace(live(seq=2), quality=1.5)])
    assert case.told() == []
    case.sink.publish([live()])
    assert len(case.told()) == 1
    case.sink.close()


def test_it_must_be_open(case: Case) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        case.sink.publish([live()])
    case.sink.open()
    case.sink.close()
    with pytest.raises(RuntimeError, match="not open"):
        case.sink.publish([live(who=None), live()])
    assert case.told() == []


def test_it_may_be_closed_twice_and_opened_again(case: Case) -> None:
    case.sink.close()
    case.sink.open()
    case.sink.publish([live()])
    case.sink.close()
    case.sink.close()
    case.sink.open()
    case.sink.publish([live()])
    case.sink.close()
    assert case.told() == [encode(live())] * 2

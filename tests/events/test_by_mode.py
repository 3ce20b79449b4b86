"""Live events and others part ways, and the others' Redis is opened only for them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.errors import BrokerError
from pipeline.events.by_mode import ByMode
from pipeline.events.event import Mode
from pipeline.events.memory_sink import MemorySink
from tests.events.strategies import an_event

LIVE, SECOND, THIRD = (replace(an_event(seq=seq), mode=Mode.LIVE) for seq in (1, 2, 3))
REPLAYED = replace(an_event(), mode=Mode.REPLAY, timings_ms=None)


class Away(MemorySink):
    """Nobody answers."""

    def open(self) -> None:
        raise BrokerError("Redis cannot be reached")


def opened() -> MemorySink:
    sink = MemorySink()
    sink.open()
    return sink


def test_each_goes_its_way_and_the_live_sink_stays_open() -> None:
    live, other = opened(), MemorySink()
    sink = ByMode(live, other)
    sink.open()
    sink.publish([LIVE, REPLAYED, SECOND])
    sink.close()
    live.publish([THIRD])
    assert live.events == [LIVE, SECOND, THIRD]
    assert other.events == [REPLAYED]
    with pytest.raises(RuntimeError):
        other.publish([REPLAYED])


def test_live_events_alone_need_nobody_else() -> None:
    live = opened()
    sink = ByMode(live, Away())
    sink.open()
    sink.publish([LIVE])
    sink.close()
    assert live.events == [LIVE]


def test_where_one_cannot_be_told_none_is() -> None:
    live = opened()
    sink = ByMode(live, Away())
    sink.open()
    with pytest.raises(BrokerError):
        sink.publish([LIVE, REPLAYED])
    sink.close()
    assert live.events == []

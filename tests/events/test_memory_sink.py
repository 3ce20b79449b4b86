"""What the memory sink adds to the contract of sinks: reading back what was told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.events.encode import EventFormatError, encode
from pipeline.events.memory_sink import MemorySink
from tests.events.strategies import an_event


def test_it_keeps_events_and_lines_in_order() -> None:
    sink = MemorySink()
    sink.open()
    told = [an_event(), an_event(seq=2), an_event(number=18)]
    sink.publish(told[:2])
    sink.publish(told[2:])
    sink.close()
    assert sink.events == told
    assert sink.lines == [encode(event) for event in told]


def test_a_batch_with_a_bad_event_is_not_kept_in_part() -> None:
    sink = MemorySink()
    sink.open()
    with pytest.raises(EventFormatError):
        sink.publish([an_event(), replace(an_event(), distance=5.0)])
    assert sink.events == []
    assert sink.lines == []

"""Events that are not on disk yet."""

from __future__ import annotations

from pipeline.events.delivery.adding import Numbered
from pipeline.events.delivery.stream_entry import entry_of
from pipeline.events.spool.spool_memory import SpoolMemory, Unwritten
from pipeline.events.spool.spool_record import SpoolRecord
from tests.events.strategies import an_event

ENTRY = entry_of(an_event())


def unwritten(*numbers: int) -> list[Unwritten]:
    """Records with these numbers."""
    return [Unwritten(SpoolRecord(Numbered(number, number, ENTRY), 0), 0.0) for number in numbers]


def numbers(memory: SpoolMemory, after: int = 0, count: int = 100) -> list[int]:
    """Of what can be read."""
    return [each.number for each in memory.read(after, count)]


def test_what_is_taken_can_be_read_until_it_is_written() -> None:
    memory = SpoolMemory(10)
    assert memory.put(unwritten(1, 2)) == 0
    assert [each.record.number for each in memory.take()] == [1, 2]
    memory.put(unwritten(3))
    assert numbers(memory) == [1, 2, 3]
    assert numbers(memory, after=1, count=1) == [2]
    memory.written()
    assert numbers(memory) == [3]
    assert len(memory) == 1


def test_the_oldest_go_and_not_while_they_are_being_written() -> None:
    memory = SpoolMemory(3)
    memory.put(unwritten(1, 2))
    memory.take()
    assert memory.put(unwritten(3, 4, 5)) == 0
    assert memory.put_back() == 2
    assert numbers(memory) == [3, 4, 5]
    assert memory.put(unwritten(6)) == 1
    assert numbers(memory) == [4, 5, 6]


def test_what_redis_has_is_forgotten_and_not_counted() -> None:
    memory = SpoolMemory(10)
    memory.put(unwritten(5, 6, 7))
    assert [memory.waiting(confirmed) for confirmed in (0, 4, 5, 7)] == [3, 3, 2, 0]
    memory.forget(6)
    assert numbers(memory) == [7]
    assert memory.first().record.number == 7
    assert memory.clear() == 1
    assert len(memory) == 0

"""Events on disk: numbered once, readable at once they are written, kept in memory where the disk takes none."""

from __future__ import annotations

import struct
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pipeline.clock import ManualClock
from pipeline.events.delivery.stream_entry import StreamEntry, entry_of
from pipeline.events.spool.spool import STALLED_S, Spool, SpoolRules
from pipeline.events.spool.spool_record import SpoolRecord
from pipeline.events.spool.spool_segment import segments_in
from tests.events.full_disk import full_disk
from tests.events.strategies import an_event

NOW = datetime(2026, 5, 1, tzinfo=UTC)
RULES = SpoolRules(keep_s=300.0, max_bytes=2**20, in_memory=4)


def entry(number: int) -> StreamEntry:
    """An event whose sighting has this number."""
    return entry_of(an_event(number=number))


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands."""
    return ManualClock(NOW)


@pytest.fixture
def spool(tmp_path: Path, clock: ManualClock) -> Iterator[Spool]:
    """An open spool."""
    made = Spool(tmp_path / "spool", RULES, clock)
    made.open()
    yield made
    made.close()


def reopened(spool: Spool, clock: ManualClock) -> Spool:
    """The same folder after a restart."""
    spool.close()
    again = Spool(spool.folder, RULES, clock)
    again.open()
    return again


def all_of(spool: Spool, after: int = 0, count: int = 1000) -> list[SpoolRecord]:
    """All that can be read, `count` at a time."""
    found: list[SpoolRecord] = []
    while some := spool.read(found[-1].number if found else after, count, 10**9):
        found += some
    return found


def numbers(spool: Spool, after: int = 0) -> list[int]:
    """Of all that can be read."""
    return [each.number for each in all_of(spool, after)]


def test_what_is_appended_can_be_read_once_it_is_on_disk(spool: Spool, clock: ManualClock) -> None:
    spool.append([entry(1), entry(2)])
    assert numbers(spool) == []
    content = spool.content()
    assert (content.waiting, content.unflushed) == (2, 2)
    clock.advance(0.03)
    assert spool.write()
    first, second = spool.read(0, 10, 10**6)
    assert (first.numbered.entry, second.numbered.entry) == (entry(1), entry(2))
    assert second.number == first.number + 1
    content = spool.content()
    assert (content.waiting, content.unflushed) == (2, 0)
    assert content.flush_lag_s == pytest.approx(0.03)
    clock.advance(7.0)
    assert spool.content().oldest_waiting_s == pytest.approx(7.03)
    spool.confirm(first.number)
    assert spool.content().waiting == 1
    spool.confirm(second.number)
    assert spool.content().oldest_waiting_s is None


def test_numbers_go_on_over_restarts_also_when_the_clock_goes_back(spool: Spool, clock: ManualClock) -> None:
    spool.append([entry(1)])
    spool.write()
    again = reopened(spool, ManualClock(datetime(1999, 1, 1, tzinfo=UTC)))
    again.append([entry(2)])
    again.write()
    last = reopened(again, ManualClock(datetime(1999, 1, 1, tzinfo=UTC)))
    last.append([entry(3)])
    last.write()
    found = all_of(last)
    assert [each.numbered.entry for each in found] == [entry(1), entry(2), entry(3)]
    assert [each.numbered.ordinal for each in found] == [1, 2, 3]
    assert sorted({each.number for each in found}) == [each.number for each in found]
    last.close()


def test_a_full_disk_keeps_what_it_has_and_events_go_on_from_memory(spool: Spool, clock: ManualClock) -> None:
    spool.append([entry(1)])
    spool.write()
    spool.append([entry(2)])
    with full_disk():
        assert not spool.write()
        assert "cannot be written: File too large; make room" in (spool.content().problem or "")
        first, second = numbers(spool)[0], numbers(spool, after=numbers(spool)[0])
        assert len(second) == 1
        spool.confirm(first)
        for number in range(3, 7):
            spool.append([entry(number)])
            assert not spool.write()
    content = spool.content()
    assert (content.waiting, content.dropped.unwritable) == (4, 1)
    assert spool.write()
    assert spool.content().problem is None
    found = all_of(spool, first)
    assert [each.numbered.entry for each in found] == [entry(number) for number in (3, 4, 5, 6)]
    assert [each.numbered.ordinal for each in found] == [3, 4, 5, 6]


def test_what_redis_got_from_memory_needs_no_disk(spool: Spool) -> None:
    spool.append([entry(1), entry(2)])
    with full_disk():
        spool.write()
        spool.confirm(numbers(spool)[0])
        assert spool.content().unflushed == 1
    spool.write()
    assert [each.numbered.entry for each in spool.read(0, 10, 10**6)] == [entry(2)]


def test_a_disk_that_does_not_answer_is_not_waited_for(spool: Spool, clock: ManualClock) -> None:
    spool.append([entry(1)])
    clock.advance(STALLED_S)
    assert numbers(spool) == []
    clock.advance(0.1)
    assert len(numbers(spool)) == 1
    assert "the disk does not answer" in (spool.content().problem or "")


def test_a_fault_while_writing_loses_nothing(spool: Spool) -> None:
    spool.append([entry(1), replace(entry(2), channels=(b"",) * 70_000)])  # more than a record can have
    for more in (3, 4):
        with pytest.raises(struct.error):
            spool.write()
        spool.append([entry(more)])
    assert spool.content().unflushed == 4


def test_it_opens_on_a_full_disk(tmp_path: Path, clock: ManualClock) -> None:
    spool = Spool(tmp_path / "spool", RULES, clock)
    with full_disk():
        spool.open()
        assert "cannot be written" in (spool.content().problem or "")
    spool.append([entry(1)])
    assert spool.write()
    assert len(numbers(spool)) == 1
    spool.close()


def test_damage_is_counted_once(spool: Spool) -> None:
    for number in (1, 2, 3):
        spool.append([entry(number)])
    spool.write()
    (path,) = segments_in(spool.folder)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert len(numbers(spool)) == 2
    assert len(numbers(spool)) == 2
    assert spool.content().dropped.damaged == 1
    assert spool.content().waiting == 2


def test_what_is_published_goes_after_a_while(spool: Spool, clock: ManualClock) -> None:
    spool.append([entry(1)])
    spool.write()
    spool.confirm(numbers(spool)[0])
    before = spool.content().bytes
    for _ in range(4):
        clock.advance(160.0)
        spool.prune()
    assert spool.content().bytes < before
    assert numbers(spool) == []
    spool.append([entry(2)])
    spool.write()
    assert [each.numbered.ordinal for each in spool.read(0, 10, 10**6)] == [2]


def test_a_full_disk_does_not_keep_what_may_go(tmp_path: Path, clock: ManualClock) -> None:
    spool = Spool(tmp_path / "spool", SpoolRules(300.0, 8_000), clock)
    spool.open()
    for number in range(3):
        spool.append([entry(number)])
        spool.write()
    spool.confirm(numbers(spool)[-1])
    clock.advance(301.0)
    with full_disk():
        spool.append([entry(3)])
        spool.write()
        before = spool.content().bytes
        spool.prune()
        assert spool.content().bytes < before
    spool.write()
    assert [each.numbered.entry for each in all_of(spool)][-1] == entry(3)
    spool.close()


def test_a_restart_knows_what_was_published(spool: Spool, clock: ManualClock) -> None:
    spool.append([entry(1), entry(2)])
    spool.write()
    spool.confirm(numbers(spool)[0])
    spool.prune()
    again = reopened(spool, clock)
    assert again.content().waiting == 1
    assert len(numbers(again)) == 2
    again.close()


def test_who_waits_is_woken(spool: Spool) -> None:
    ending = threading.Event()
    woken = threading.Thread(target=spool.wait_for_unwritten, args=(ending, 30.0))
    reading = threading.Thread(target=spool.wait_for_more, args=(0, ending, 30.0))
    woken.start()
    reading.start()
    spool.append([entry(1)])
    woken.join(10.0)
    spool.write()
    reading.join(10.0)
    assert not woken.is_alive()
    assert not reading.is_alive()


def test_it_must_be_open(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        Spool(tmp_path, RULES, ManualClock()).append([entry(1)])


class SpoolModel(RuleBasedStateMachine):
    """Whatever happens in whatever order: what was flushed is read again, in order, with its own number."""

    def __init__(self) -> None:
        super().__init__()
        self.room = tempfile.TemporaryDirectory()
        self.clock = ManualClock(NOW)
        self.spool = Spool(Path(self.room.name), SpoolRules(300.0, 10**9, 10**6), self.clock)
        self.spool.open()
        self.appended: list[StreamEntry] = []
        self.flushed: dict[int, StreamEntry] = {}

    def teardown(self) -> None:
        self.spool.close()
        self.room.cleanup()

    @rule(count=st.integers(1, 3))
    def append(self, count: int) -> None:
        new = [entry(len(self.flushed) + len(self.appended) + each) for each in range(count)]
        self.spool.append(new)
        self.appended += new

    @rule(full=st.booleans())
    def write(self, full: bool) -> None:
        if full:
            with full_disk():
                self.spool.write()
            return
        assert self.spool.write()
        new = all_of(self.spool, max(self.flushed, default=0))
        self.flushed |= {each.number: each.numbered.entry for each in new}
        assert list(self.flushed.values())[len(self.flushed) - len(self.appended) :] == self.appended
        self.appended.clear()

    @rule(back_s=st.sampled_from([0, 0, 1000]))
    def kill(self, back_s: int) -> None:
        self.spool.close()
        self.appended.clear()
        self.clock = ManualClock(datetime.fromtimestamp(NOW.timestamp() - back_s, UTC))
        self.spool = Spool(self.spool.folder, SpoolRules(300.0, 10**9, 10**6), self.clock)
        self.spool.open()

    @rule(share=st.floats(0.0, 1.0))
    def confirm(self, share: float) -> None:
        known = sorted(self.flushed)
        if known:
            self.spool.confirm(known[int(share * (len(known) - 1))])

    @invariant()
    def all_flushed_are_read_in_order(self) -> None:
        found = {each.number: each.numbered.entry for each in all_of(self.spool, count=7)}
        on_disk = {number: each for number, each in found.items() if number in self.flushed}
        assert on_disk == self.flushed
        assert list(found) == sorted(found)


TestSpoolModel = SpoolModel.TestCase
TestSpoolModel.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)

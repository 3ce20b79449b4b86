"""One file of a spool: what is written is found again, also behind and before damage."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.delivery.adding import Numbered
from pipeline.events.delivery.stream_entry import entry_of
from pipeline.events.spool.spool_record import SpoolRecord
from pipeline.events.spool.spool_segment import (
    Segment,
    SegmentHead,
    SegmentWriter,
    cut_off,
    find_segment,
    segment_name,
    segments_in,
)
from tests.events.strategies import an_event

HEAD = SegmentHead("0123456789abcdef" * 2, 100, 7)
ENTRY = entry_of(an_event())


def record(number: int) -> SpoolRecord:
    """A record; its ordinal is a hundred less."""
    return SpoolRecord(Numbered(number, number - 100, ENTRY), 1000 * number)


def written(folder: Path, *numbers: int) -> Path:
    """A segment with these records; its path."""
    writer = SegmentWriter(folder, HEAD)
    for number in numbers:
        writer.write(record(number).pack())
    writer.close()
    return writer.segment.path


def numbers(segment: Segment, after: int = 0) -> list[int]:
    """Of the records above a number."""
    if segment.last <= after:
        return []
    return [each.number for each in segment.slice(after, 1000, 10**9).read().records]


def test_what_is_written_is_found(tmp_path: Path) -> None:
    found = find_segment(written(tmp_path, 101, 102, 107), 0, 0)
    assert found.head == HEAD
    assert (found.last_ordinal, found.damaged, found.torn) == (7, 0, 0)
    assert numbers(found.segment) == [101, 102, 107]
    assert numbers(found.segment, after=101) == [102, 107]
    assert [found.segment.waiting(confirmed) for confirmed in (0, 101, 106, 107)] == [3, 2, 1, 0]
    assert found.segment.first_waiting_ms(101) == 102_000
    assert found.segment.first_waiting_ms(107) is None
    assert found.segment.last == 107


def test_a_slice_is_bounded_and_has_one_at_least(tmp_path: Path) -> None:
    segment = find_segment(written(tmp_path, 101, 102, 103, 104), 0, 0).segment
    size = len(record(101).pack())
    assert segment.slice(0, 2, 10**9).numbers == (101, 102)
    assert segment.slice(102, 100, 1).numbers == (103,)
    assert segment.slice(0, 100, 2 * size - 1).numbers == (101, 102)


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    assert stat.S_IMODE(written(tmp_path, 101).stat().st_mode) == 0o600


@given(cut=st.integers(1, 2000))
def test_a_torn_end_is_cut_off_wherever_it_tears(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = written(tmp_path_factory.mktemp("spool"), 101, 102)
    whole = find_segment(path, 0, 0).segment
    os.truncate(path, max(whole.size - cut, 0))
    found = find_segment(path, 0, 0)
    left = [
        number
        for number in (101, 102)
        if whole.size - cut >= whole.starts[number - 101] + (whole.end - whole.starts[1])
    ]
    assert numbers(found.segment) == left
    assert found.damaged == 0
    cut_off(found)
    again = find_segment(path, 0, 0)
    assert (numbers(again.segment), again.torn) == (left, 0)


def test_zeros_behind_the_end_as_after_a_power_loss_are_cut_off(tmp_path: Path) -> None:
    path = written(tmp_path, 101)
    size = path.stat().st_size
    os.truncate(path, size + 4096)
    found = find_segment(path, 0, 0)
    assert (numbers(found.segment), found.torn) == ([101], 4096)
    cut_off(found)
    assert path.stat().st_size == size


@given(data=st.data())
def test_damage_costs_no_record_but_those_it_hits(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = written(tmp_path_factory.mktemp("spool"), 101, 102, 103, 104)
    whole = find_segment(path, 0, 0).segment
    content = bytearray(path.read_bytes())
    hit = data.draw(st.integers(whole.starts[1], whole.starts[3] - 1))
    content[hit] ^= 0xFF
    path.write_bytes(content)
    found = find_segment(path, 0, 0)
    lost = 102 if hit < whole.starts[2] else 103
    assert numbers(found.segment) == [number for number in (101, 102, 103, 104) if number != lost]
    assert (found.damaged, found.torn) == (1, 0)
    assert find_segment(path, 0, published=104).damaged == 0


def test_a_damaged_head_costs_no_record(tmp_path: Path) -> None:
    path = written(tmp_path, 101, 102)
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    found = find_segment(path, 0, 0)
    assert found.head is None
    assert numbers(found.segment) == [101, 102]


def test_damage_that_comes_later_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, 101, 102, 103)
    segment = find_segment(path, 0, 0).segment
    content = bytearray(path.read_bytes())
    content[segment.starts[1] + 50] ^= 1
    path.write_bytes(content)
    read = segment.slice(0, 10, 10**9).read()
    assert ([each.number for each in read.records], list(read.damaged)) == ([101, 103], [102])
    assert segment.forget(read.damaged) == 1
    assert numbers(segment) == [101, 103]


def test_what_an_earlier_segment_has_is_not_found_twice(tmp_path: Path) -> None:
    assert numbers(find_segment(written(tmp_path, 101, 102, 103), 102, 0).segment) == [103]


def test_segments_are_listed_oldest_first_and_nothing_else_is(tmp_path: Path) -> None:
    for number in (9, 100, 11):
        (tmp_path / segment_name(number)).touch()
    (tmp_path / "published").touch()
    (tmp_path / "1.spool").touch()
    assert segments_in(tmp_path) == [tmp_path / segment_name(number) for number in (9, 11, 100)]


@pytest.mark.parametrize("length", [0, 10, 56])
def test_a_file_that_was_hardly_begun_is_one_without_records(tmp_path: Path, length: int) -> None:
    path = written(tmp_path, 101)
    os.truncate(path, length)
    found = find_segment(path, 0, 0)
    assert numbers(found.segment) == []
    assert found.torn == 0

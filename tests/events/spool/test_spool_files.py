"""Segments: bounded, deleted whole, the oldest first."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.clock import ManualClock
from pipeline.events.delivery.adding import Numbered
from pipeline.events.delivery.stream_entry import entry_of
from pipeline.events.spool.spool_files import SpoolFiles
from pipeline.events.spool.spool_record import SpoolRecord
from pipeline.events.spool.spool_segment import SegmentHead, segments_in
from tests.events.full_disk import full_disk
from tests.events.strategies import an_event

ENTRY = entry_of(an_event())
SIZE = len(SpoolRecord(Numbered(1, 1, ENTRY), 0).pack())


def record(number: int) -> SpoolRecord:
    """A record that was made at its number in milliseconds."""
    return SpoolRecord(Numbered(number, number, ENTRY), number)


def head(number: int) -> SegmentHead:
    """Of a segment that begins with this number."""
    return SegmentHead("0" * 32, number, number)


def write(files: SpoolFiles, *numbers: int) -> int:
    """Write one by one; how many were dropped."""
    return sum(files.write([record(number)], head(number)) for number in numbers)


def numbers(files: SpoolFiles, after: int = 0) -> list[int]:
    """All that can be read above a number."""
    found: list[int] = []
    while (part := files.slice(after, 2, 10**9)) is not None:
        found += [each.number for each in part.read().records]
        after = part.numbers[-1]
    return found


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands."""
    return ManualClock()


@pytest.fixture
def files(tmp_path: Path, clock: ManualClock) -> SpoolFiles:
    """Eight segments of about three records."""
    return SpoolFiles(tmp_path, max_bytes=8 * (3 * SIZE + 60), keep_s=300.0, clock=clock)


def test_after_a_write_that_failed_a_segment_is_not_written_to_again(
    files: SpoolFiles, tmp_path: Path
) -> None:
    write(files, 1)
    with full_disk(), pytest.raises(OSError, match="large"):
        write(files, 2)
    write(files, 2)
    assert len(segments_in(tmp_path)) == 2
    assert numbers(files) == [1, 2]


def test_records_are_read_over_segments_in_order(files: SpoolFiles, tmp_path: Path) -> None:
    assert write(files, *range(1, 9)) == 0
    assert len(segments_in(tmp_path)) == 3
    assert numbers(files) == list(range(1, 9))
    assert numbers(files, after=5) == [6, 7, 8]
    assert files.content().waiting == 8
    files.confirm(5)
    content = files.content()
    assert (content.waiting, content.first_waiting_ms) == (3, 6)
    assert content.bytes == sum(path.stat().st_size for path in segments_in(tmp_path))


def test_the_oldest_segments_go_whole_and_what_was_not_published_is_counted(
    files: SpoolFiles, tmp_path: Path
) -> None:
    assert write(files, *range(1, 25)) == 0
    files.confirm(2)
    assert write(files, 25) == 1
    assert numbers(files) == list(range(4, 26))
    assert sum(path.stat().st_size for path in segments_in(tmp_path)) <= 8 * (3 * SIZE + 60)


def test_a_batch_larger_than_a_segment_is_written_whole(files: SpoolFiles) -> None:
    assert files.write([record(number) for number in range(1, 12)], head(1)) == 0
    assert numbers(files) == list(range(1, 12))


def test_published_segments_go_after_a_while_and_the_numbers_stay(
    files: SpoolFiles, tmp_path: Path, clock: ManualClock
) -> None:
    write(files, *range(1, 6))
    clock.advance(200.0)
    files.confirm(5)
    files.prune(head(6))
    assert numbers(files) == [1, 2, 3, 4, 5]
    clock.advance(299.0)
    files.prune(head(6))
    assert numbers(files) == [1, 2, 3, 4, 5]
    clock.advance(1.0)
    files.prune(head(6))
    assert numbers(files) == []
    assert [path.name for path in segments_in(tmp_path)] == ["00000000000000000006.spool"]


def test_what_redis_forgot_is_kept_again(files: SpoolFiles, clock: ManualClock) -> None:
    write(files, *range(1, 6))
    files.confirm(5)
    clock.advance(299.0)
    files.confirm(1)
    clock.advance(299.0)
    files.prune(head(6))
    assert numbers(files) == [1, 2, 3, 4, 5]
    assert files.content().waiting == 4


def test_what_waits_is_never_pruned(files: SpoolFiles, clock: ManualClock) -> None:
    write(files, *range(1, 6))
    clock.advance(1e6)
    files.prune(head(6))
    assert numbers(files) == [1, 2, 3, 4, 5]


def test_a_segment_without_a_record_is_replaced(files: SpoolFiles, tmp_path: Path) -> None:
    files.begin(head(1))
    files.begin(head(1))
    files.begin(head(4))
    assert [path.name for path in segments_in(tmp_path)] == ["00000000000000000004.spool"]


def test_what_is_forgotten_is_not_read_nor_waiting(files: SpoolFiles) -> None:
    write(files, 1, 2, 3)
    assert files.forget([2, 9]) == 1
    assert numbers(files) == [1, 3]
    assert files.content().waiting == 2

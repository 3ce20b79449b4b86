"""Taking a spool's folder: who may, and what is gone on with."""

from __future__ import annotations

import logging
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.clock import ManualClock
from pipeline.errors import OutsideError
from pipeline.events.delivery.adding import Numbered
from pipeline.events.delivery.stream_entry import entry_of
from pipeline.events.spool.spool_opening import open_spool
from pipeline.events.spool.spool_record import SpoolRecord
from pipeline.events.spool.spool_segment import SegmentHead, SegmentWriter
from tests.events.strategies import an_event

NOW = datetime(2026, 5, 1, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)
PRODUCER = "5" * 32


def written(folder: Path, *numbers: int) -> Path:
    """A segment of an earlier run with these records."""
    folder.mkdir(exist_ok=True)
    writer = SegmentWriter(folder, SegmentHead(PRODUCER, numbers[0], 1))
    for ordinal, number in enumerate(numbers, 1):
        writer.write(SpoolRecord(Numbered(number, ordinal, entry_of(an_event())), 0).pack())
    writer.close()
    return writer.segment.path


def test_a_new_folder_is_the_owners_alone_and_begins_with_now(tmp_path: Path) -> None:
    opened = open_spool(tmp_path / "data" / "spool", ManualClock(NOW))
    assert stat.S_IMODE(opened.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((opened.folder / "lock").stat().st_mode) == 0o600
    assert (opened.head.number, opened.head.ordinal) == (NOW_US, 1)
    assert len(opened.head.producer) == 32
    assert (opened.published, opened.damaged, list(opened.segments)) == (0, 0, [])
    opened.close()
    opened.close()


def test_two_spools_are_two_producers(tmp_path: Path) -> None:
    heads = [open_spool(tmp_path / name, ManualClock()).head for name in "ab"]
    assert heads[0].producer != heads[1].producer


@pytest.mark.parametrize(("last", "next_number"), [(NOW_US - 5, NOW_US), (NOW_US + 5, NOW_US + 6)])
def test_numbers_go_on_behind_the_last_and_not_before_now(
    tmp_path: Path, last: int, next_number: int
) -> None:
    written(tmp_path / "spool", last - 1, last)
    opened = open_spool(tmp_path / "spool", ManualClock(NOW))
    assert opened.head == SegmentHead(PRODUCER, next_number, 3)
    assert [each.last for each in opened.segments] == [last]
    opened.close()


def test_a_spool_whose_end_is_lost_does_not_number_again(tmp_path: Path) -> None:
    path = written(tmp_path / "spool", 1, 2, 3)
    os.truncate(path, path.stat().st_size - 1)
    opened = open_spool(tmp_path / "spool", ManualClock(NOW))
    assert opened.head.number == NOW_US > 3
    assert opened.head.ordinal == 3


def test_a_segment_without_records_is_not_written_over(tmp_path: Path) -> None:
    far = 10**18
    SegmentWriter(tmp_path, SegmentHead("0" * 32, far, 7)).close()
    opened = open_spool(tmp_path, ManualClock(NOW))
    assert (opened.head.number, opened.head.ordinal) == (far + 1, 7)
    opened.close()


def test_a_second_one_is_one_line(tmp_path: Path) -> None:
    opened = open_spool(tmp_path, ManualClock())
    with pytest.raises(
        OutsideError, match="is in use: another monitor runs on this data folder; stop it"
    ) as error:
        open_spool(tmp_path, ManualClock())
    assert error.value.exit_code == 3
    opened.close()
    open_spool(tmp_path, ManualClock()).close()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutsideError, match=r"spool .* cannot be used: Not a directory; make room") as error:
        open_spool(tmp_path / "file" / "spool", ManualClock())
    assert "\n" not in str(error.value)


def test_what_is_cut_off_and_skipped_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = written(tmp_path / "spool", 1, 2, 3)
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content[:-9])
    with caplog.at_level(logging.WARNING):
        opened = open_spool(tmp_path / "spool", ManualClock())
    assert opened.damaged == 1
    assert "1 events are damaged and skipped" in caplog.text
    assert "cut off" in caplog.text
    opened.close()
    caplog.clear()
    again = open_spool(tmp_path / "spool", ManualClock())
    assert "cut off" not in caplog.text
    again.close()


@pytest.mark.parametrize("text", ["", "x\n", "99999\n"])
def test_a_hint_that_is_wrong_is_not_believed(tmp_path: Path, text: str) -> None:
    written(tmp_path / "spool", 1, 2, 3)
    (tmp_path / "spool" / "published").write_text(text)
    opened = open_spool(tmp_path / "spool", ManualClock())
    assert opened.published == (3 if text.startswith("9") else 0)
    opened.note_published(2)
    opened.close()
    again = open_spool(tmp_path / "spool", ManualClock())
    assert again.published == 2
    again.close()

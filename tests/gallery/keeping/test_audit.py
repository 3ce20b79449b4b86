"""The audit file: lines are whole, on the disk, and hold no names."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from pipeline.errors import StoreError
from pipeline.gallery.keeping.audit import AuditLine, Step, forgotten_in, note, take_over, unfinished

AT = datetime(2026, 5, 1, 9, 0, 0, 250_000, tzinfo=UTC)
GONE = AuditLine("forget", Step.DONE, "p_0123456789ab", also=("s_0123456789ab",), erased={"templates": 2})


def test_a_line_says_what_was_erased(tmp_path: Path) -> None:
    note(tmp_path, GONE, AT)
    assert json.loads((tmp_path / "audit.jsonl").read_text()) == {
        "at": "2026-05-01T09:00:00.250Z",
        "what": "forget",
        "step": "done",
        "person": "p_0123456789ab",
        "also": ["s_0123456789ab"],
        "erased": {"templates": 2},
        "proved": None,
        "left": [],
    }
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_who_was_forgotten_is_read_back(tmp_path: Path) -> None:
    assert forgotten_in(tmp_path) == ()
    note(tmp_path, AuditLine("backup", file=Path("b")), AT)
    note(tmp_path, AuditLine("forget", Step.BEGUN, stranger="s_0123456789ab"), AT)
    note(tmp_path, GONE, AT + timedelta(hours=1))
    first, second = forgotten_in(tmp_path)
    assert (first.at, first.line.stranger, first.line.step) == (AT, "s_0123456789ab", Step.BEGUN)
    assert (second.line.person, second.line.also) == ("p_0123456789ab", ("s_0123456789ab",))


def test_what_was_not_finished_is_named(tmp_path: Path) -> None:
    for number, (step, left) in enumerate([(Step.BEGUN, ()), (Step.DONE, ()), (Step.DONE, ("b: gone",))]):
        note(tmp_path, AuditLine("forget", step, f"p_{number:012x}", erased={}, left=left), AT)
    assert unfinished(tmp_path) == (f"p_{0:012x}", f"p_{2:012x}")
    note(tmp_path, AuditLine("forget", Step.DONE, f"p_{2:012x}", erased={}), AT)
    assert unfinished(tmp_path) == (f"p_{0:012x}",)


def test_a_torn_line_spoils_no_other(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    note(tmp_path, GONE, AT)
    file.write_bytes(file.read_bytes() + b'{"what": "forget", "per')
    note(tmp_path, GONE, AT)
    file.write_bytes(file.read_bytes() + b'\xff\n[]\n{"what": "forget"}\n{"what": "forget", "at": 3}\n')
    assert len(forgotten_in(tmp_path)) == 2


def test_programs_do_not_write_into_each_others_lines(tmp_path: Path) -> None:
    def write() -> None:
        for _ in range(20):
            note(tmp_path, GONE, AT)

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(forgotten_in(tmp_path)) == 80


def test_a_backups_lines_come_in_once(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    note(tmp_path, GONE, AT)
    note(other, GONE, AT)
    note(other, GONE, AT + timedelta(days=1))
    for _ in range(2):
        take_over(tmp_path, (other / "audit.jsonl").read_bytes())
    assert len(forgotten_in(tmp_path)) == 2


def test_a_disk_that_is_full_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, text: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StoreError, match=r"audit.jsonl: no space left on device; what is erased must"):
        note(tmp_path, GONE, AT)


def test_a_folder_of_its_name_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(StoreError, match="is a directory"):
        note(tmp_path, GONE, AT)
    with pytest.raises(StoreError, match="make it readable"):
        forgotten_in(tmp_path)

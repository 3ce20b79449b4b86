"""The report of rejects: whole or not at all, one line a photo, nothing that a spreadsheet computes."""

from __future__ import annotations

import csv
import errno
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.commands.import_report import CsvReport, cell, reject_report
from pipeline.errors import BadInputError, OutsideError


@given(st.text(st.characters(), max_size=20))
def test_a_cell_is_one_line_of_text_and_no_formula(text: str) -> None:
    found = cell(text)
    assert found.isprintable()
    found.encode()  # it is text
    assert not found.lstrip().startswith(tuple("=+-@＝＋－＠"))


def test_the_report_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    path.write_text("before")
    with suppress(KeyboardInterrupt), reject_report(path) as report:
        report.write('a,"b".png', "Ann\nLee", "=no")
        assert path.read_text() == "before"
        raise KeyboardInterrupt
    assert list(csv.reader(path.read_text().splitlines())) == [
        ["photo", "person", "reason"],
        ['a,"b".png', "Ann\\nLee", "'=no"],
    ]
    assert [one.name for one in tmp_path.iterdir()] == ["rejects.csv"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_where_it_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="--report"), reject_report(tmp_path):
        pass
    with pytest.raises(BadInputError, match="there is no folder"), reject_report(tmp_path / "x" / "y.csv"):
        pass


def test_a_full_disk_leaves_no_half_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    close = CsvReport.close

    def full(report: CsvReport) -> None:
        close(report)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(CsvReport, "close", full)
    with (
        pytest.raises(OutsideError, match="No space left on device"),
        reject_report(tmp_path / "rejects.csv") as report,
    ):
        report.write("a", "", "")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_one_line() -> None:
    with (
        pytest.raises(OutsideError, match="--report /dev/full: cannot be written"),
        reject_report(Path("/dev/full")) as report,
    ):
        report.write("a" * 100_000, "", "")

"""The rejects of an import as a CSV file that a spreadsheet may open, whatever files and people are called."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pipeline.commands.report import visible
from pipeline.commands.written_files import check_file
from pipeline.errors import OutsideError

COLUMNS = ("photo", "person", "reason")
_FORMULAS = tuple("=+-@＝＋－＠")
"""what a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"); tabs and line ends are shown"""


class RejectWriter(Protocol):
    """Takes down what an import refused."""

    def write(self, photo: str, person: str, reason: str) -> None:
        """One photo, of this person's folder. Raises OutsideError."""
        ...


class NoReport:
    """Nobody asked for a report."""

    def write(self, photo: str, person: str, reason: str) -> None:
        """Forget it."""


class CsvReport:
    """Rows of a file that is open."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._file = os.fdopen(descriptor, "w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow(COLUMNS)

    def write(self, photo: str, person: str, reason: str) -> None:
        """One row, on one line. Raises OutsideError where it cannot be written."""
        try:
            self._rows.writerow([cell(photo), cell(person), cell(reason)])
        except OSError as error:
            raise _not_written(self._path, error) from error

    def close(self) -> None:
        """Write what is left. Raises OSError."""
        self._file.close()


@contextmanager
def reject_report(path: Path | None) -> Iterator[RejectWriter]:
    """A report that takes its name when it is whole, also after Ctrl-C. Raises BadInputError, OutsideError."""
    if path is None:
        yield NoReport()
        return
    check_file("--report", path)
    stream = path.is_symlink() or (path.exists() and not path.is_file())  # /dev/stdout is to stay one
    part = path if stream else path.with_name(f".{path.name}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        report = CsvReport(path, os.open(part, flags, 0o600))
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        yield report
    finally:
        try:
            report.close()
            if not stream:
                os.replace(part, path)
        except OSError as error:
            if not stream:
                part.unlink(missing_ok=True)
            raise _not_written(path, error) from error


def cell(text: str) -> str:
    """The text on one line, which no spreadsheet computes.

    >>> cell('=HYPERLINK("x")'), cell("two\\nlines")
    ('\\'=HYPERLINK("x")', 'two\\\\nlines')
    """
    shown = visible(text)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULAS) else shown


def _not_written(path: Path, error: OSError) -> OutsideError:
    return OutsideError(f"--report {path}: cannot be written ({error.strerror}); name another file")

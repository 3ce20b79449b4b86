"""Rows of `bench gpu`: measured, or "not measured" with the reason."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from engines.errors import EngineError
from pipeline.errors import FacestreamError

NOT_HERE = (EngineError, FacestreamError, ImportError, OSError)
"""what a row may fail with for want of something; anything else is a mistake in the program"""


@dataclass(frozen=True, slots=True)
class Row:
    """One figure."""

    group: str
    what: str
    unit: str
    value: float | None
    """None: not measured"""
    against: str = ""
    """the alternative"""
    ratio: float | None = None
    """how many times as good as it"""
    reason: str = ""
    """why it was not measured, or what is to be known of it"""

    @property
    def shown(self) -> str:
        """The figure as people read it."""
        return "not measured" if self.value is None else f"{self.value:,.4g} {self.unit}"


class Table:
    """All rows: each as a JSON line when it is there, and in the end as a table for people."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, *rows: Row) -> None:
        """Print as JSON lines, and keep."""
        for row in rows:
            self.rows.append(row)
            sys.stdout.write(json.dumps({"bench": "gpu", **asdict(row)}) + "\n")
            sys.stdout.flush()

    def measure(self, group: str, what: str, unit: str, rows: Callable[[], Sequence[Row]]) -> None:
        """Add what `rows` gives, or a row that says why it could not."""
        try:
            found = rows()
        except NOT_HERE as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            found = [Row(group, what, unit, None, reason=reason)]
        self.add(*found)

    def text(self) -> str:
        """The table, ratio first."""
        lines = ["| ratio | group | what | value | against | note |", "|---|---|---|---|---|---|"]
        for row in self.rows:
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
            cells = (ratio, row.group, row.what, row.shown, row.against, row.reason)
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"


def median_s(run: Callable[[], object], runs: int, rounds: int = 3) -> float:
    """Seconds a call: the median over rounds of the mean of `runs` calls, after one that warms up."""
    run()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(runs):
            run()
        times.append((time.perf_counter() - began) / runs)
    return statistics.median(times)

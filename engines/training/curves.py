"""A run's course: a line of CSV a step, and a picture of it."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import numpy as np

from engines.arrays import F64
from engines.evaluation.plots import DOTS_PER_INCH, write_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SMOOTH = 50
"""windows over a run's length"""
SIZE_INCHES = (6.4, 7.2)
MARGINS = MappingProxyType({"left": 0.14, "right": 0.98, "top": 0.96, "bottom": 0.065, "hspace": 0.1})
"""of the figure, and between its plots"""
LABEL_AT = -0.115
"""where the words beside an axis stand, in widths of a plot: at one place for all three"""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One step; a line of curve.csv."""

    step: int
    """from 1"""
    seconds: float
    """of training so far, over all parts of the run"""
    loss: float
    active_share: float
    """of anchor-positive pairs, those that cost something; of all triplets where each pair has every negative"""
    positive_distance: float
    """mean squared distance in the batch, of one person's pairs"""
    negative_distance: float
    """mean squared distance in the batch, of two people's pairs"""
    learning_rate: float
    accuracy: float | None = None
    """of the validation after this step"""
    val: float | None = None
    auc: float | None = None

    def row(self) -> list[str]:
        """As texts; floats as short as they can be without losing a bit."""
        values = (getattr(self, each.name) for each in fields(self))
        return ["" if value is None else repr(value) for value in values]

    @classmethod
    def of_row(cls, row: list[str]) -> Self:
        """What `row` gave. Raises ValueError."""
        if len(row) != len(COLUMNS):
            raise ValueError(f"a row must have {len(COLUMNS)} columns, got {len(row)}")
        return cls(int(row[0]), *(float(each) if each else None for each in row[1:]))  # type: ignore[arg-type]


COLUMNS = tuple(each.name for each in fields(CurvePoint))


class CurveFile:
    """curve.csv of a run: written as the run goes, and cut where a run goes on from."""

    def __init__(self, path: Path, last_step: int) -> None:
        """Keeps the lines up to `last_step`. Raises OSError."""
        kept = [point for point in read_curve(path) if point.step <= last_step]
        part = path.with_name(f".{path.name}.part")
        with part.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *(point.row() for point in kept)])
        os.replace(part, path)
        self._file = path.open("a", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")

    def add(self, point: CurvePoint) -> None:
        """Write a line; it reaches the disk with `flush`. Raises OSError."""
        self._writer.writerow(point.row())

    def flush(self) -> None:
        """Raises OSError."""
        self._file.flush()

    def close(self) -> None:
        """Raises OSError."""
        self._file.close()


def read_curve(path: Path) -> list[CurvePoint]:
    """The points of a curve.csv, up to the first line that a kill cut short; none where there is no file.

    Raises OSError.
    """
    points: list[CurvePoint] = []
    if not path.exists():
        return points
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    for row in csv.reader(line for line in lines[1:] if line.endswith("\n")):
        try:
            points.append(CurvePoint.of_row(row))
        except ValueError:
            break
    return points


def write_curve_png(points: list[CurvePoint], title: str, path: Path) -> None:
    """Draw a run: loss, distances and validation, over steps. Raises OSError."""
    write_png(curve_figure(points, title), path)


def curve_figure(points: list[CurvePoint], title: str) -> Figure:
    """Three plots under each other, with one axis of steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, dpi=DOTS_PER_INCH)
    # Margins by hand: finding them takes longer than drawing, and this is drawn while a network waits.
    loss, distances, validation = figure.subplots(3, sharex=True, gridspec_kw=dict(MARGINS))
    steps = np.array([point.step for point in points], np.float64)
    _draw(loss, steps, [("loss", [point.loss for point in points], "tab:blue")])
    _draw(loss, steps, [("active share", [point.active_share for point in points], "tab:orange")])
    of_one, of_two = (
        [getattr(point, name) for point in points] for name in ("positive_distance", "negative_distance")
    )
    _draw(distances, steps, [("one person", of_one, "tab:green"), ("two people", of_two, "tab:red")])
    measured = [point for point in points if point.accuracy is not None]
    for name, words, color in (
        ("accuracy", "accuracy", "tab:blue"),
        ("val", "VAL at FAR 1e-3", "tab:purple"),
    ):
        at = [point.step for point in measured]
        validation.plot(at, [getattr(point, name) for point in measured], ".-", color=color, label=words)
    loss.set_title(title, fontsize="medium", loc="left")
    loss.set_ylabel("loss, active share")
    distances.set_ylabel("mean squared distance")
    validation.set_ylabel("validation")
    validation.set_xlabel("step")
    for axes in (loss, distances, validation):
        axes.yaxis.set_label_coords(LABEL_AT, 0.5)
        _plain(axes)
    for axes in (loss, distances):
        axes.set_ylim(bottom=0.0)
    return figure


def _draw(axes: Axes, steps: F64, lines: list[tuple[str, list[float], str]]) -> None:
    """Each line faintly as it was, and smoothed above it."""
    for words, values, color in lines:
        axes.plot(steps, values, color=color, alpha=0.25, linewidth=0.8)
        axes.plot(steps, smoothed(np.array(values, np.float64)), color=color, label=words)


def smoothed(values: F64) -> F64:
    """Running means (N,) of values (N,), over a fiftieth of them; at the ends over what there is."""
    window = max(1, len(values) // SMOOTH)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.minimum(np.arange(len(values)) + (window + 1) // 2, len(values))
    begins = np.maximum(np.arange(len(values)) - window // 2, 0)
    return np.asarray((sums[ends] - sums[begins]) / (ends - begins), np.float64)


def _plain(axes: Axes) -> None:
    """The looks of engines/evaluation/plots.py."""
    axes.grid(visible=True, color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(y=0.08)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize="small")

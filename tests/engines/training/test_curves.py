"""curve.csv keeps every bit, is cut where a run goes on from, and its picture shows what is in it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes

from engines.training.curves import (
    COLUMNS,
    CurveFile,
    CurvePoint,
    curve_figure,
    read_curve,
    smoothed,
    write_curve_png,
)


def point(step: int, accuracy: float | None = None) -> CurvePoint:
    return CurvePoint(
        step=step,
        seconds=0.1 * step,
        loss=0.2 / step,
        active_share=1.0 / step,
        positive_distance=0.7,
        negative_distance=1.9,
        learning_rate=1e-3 / 3,
        accuracy=accuracy,
        val=accuracy,
        auc=accuracy,
    )


def drawn(axes: Axes) -> list[list[float]]:
    """Points of the first line."""
    points: list[list[float]] = np.asarray(axes.lines[0].get_xydata(), np.float64).tolist()
    return points


def written(path: Path, points: list[CurvePoint], last_step: int = 0) -> None:
    curve = CurveFile(path, last_step)
    for each in points:
        curve.add(each)
    curve.close()


@given(st.lists(st.floats(allow_nan=False), min_size=6, max_size=6), st.floats(0, 1) | st.none())
def test_a_row_keeps_every_bit(values: list[float], accuracy: float | None) -> None:
    row = ["3", *map(repr, values), "" if accuracy is None else repr(accuracy), "", ""]
    given_ = CurvePoint.of_row(row)
    assert given_.row() == row
    assert CurvePoint.of_row(given_.row()) == given_


def test_a_curve_is_read_as_it_was_written(tmp_path: Path) -> None:
    points = [point(step, 0.9 if step == 2 else None) for step in (1, 2, 3)]
    written(tmp_path / "curve.csv", points)

    assert read_curve(tmp_path / "curve.csv") == points
    lines = (tmp_path / "curve.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert lines[1].endswith(",,,")
    assert read_curve(tmp_path / "none.csv") == []


def test_going_on_cuts_what_came_after(tmp_path: Path) -> None:
    written(tmp_path / "curve.csv", [point(step) for step in range(1, 6)])
    written(tmp_path / "curve.csv", [point(4, 0.5)], last_step=3)

    assert read_curve(tmp_path / "curve.csv") == [point(1), point(2), point(3), point(4, 0.5)]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_a_kill_cut_short_is_left_out(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    points = [point(1), point(2, 0.875)]
    written(path, points)
    path.write_bytes(path.read_bytes()[:-cut])

    found = read_curve(path)
    assert found == points[: len(found)]
    assert len(found) < 2


def test_smoothed_keeps_length_and_constants_and_means() -> None:
    values = np.random.default_rng(0).normal(size=500)

    assert smoothed(np.full(500, 3.0)) == pytest.approx(np.full(500, 3.0))
    assert smoothed(values)[250] == pytest.approx(values[245:255].mean())
    assert smoothed(values[:20]) == pytest.approx(values[:20])


def test_the_picture_shows_loss_distances_and_validation(tmp_path: Path) -> None:
    points = [point(step, 0.9 if step % 2 == 0 else None) for step in range(1, 9)]
    loss, distances, validation = curve_figure(points, "a run").axes

    assert drawn(loss) == [[each.step, each.loss] for each in points]
    assert distances.get_legend_handles_labels()[1] == ["one person", "two people"]
    assert drawn(validation) == [[step, 0.9] for step in (2, 4, 6, 8)]
    write_curve_png(points, "a run", tmp_path / "curve.png")
    image = cv2.imread(str(tmp_path / "curve.png"))
    assert image is not None
    assert image.shape == (1080, 960, 3)


def test_a_run_without_steps_is_drawn(tmp_path: Path) -> None:
    write_curve_png([], "nothing yet", tmp_path / "curve.png")
    assert (tmp_path / "curve.png").exists()

"""Plots hold what they are given, and reach the disk whole."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.evaluation.plots import new_axes, roc_figure, write_png
from engines.evaluation.verification import roc

SAME = np.repeat([True, False], [40, 200])
DISTANCES = np.random.default_rng(0).normal(np.where(SAME, 0.8, 1.5), 0.2)


@pytest.mark.parametrize("sem", [0.01, None])
def test_the_roc_is_drawn_with_its_point(tmp_path: Path, sem: float | None) -> None:
    curve = roc(DISTANCES, SAME)
    figure = roc_figure(curve, "LFW, View 2: painted", 1e-2, 0.9, sem)
    (axes,) = figure.axes
    line, point = axes.lines[:2]
    np.testing.assert_array_equal(line.get_xdata(), curve.far[curve.far > 0])
    np.testing.assert_array_equal(line.get_ydata(), curve.val[curve.far > 0])
    np.testing.assert_array_equal(point.get_xydata(), [[1e-2, 0.9]])
    assert axes.get_xscale() == "log"
    assert axes.get_xlim() == (1 / 200, 1.0)
    low, high = axes.get_ylim()
    assert low < 0.9 < 1.0 < high
    (label,) = axes.texts
    assert label.get_text() == f"VAL 0.9000{' ± 0.0100' if sem else ''}\nat FAR 0.01"

    write_png(figure, tmp_path / "roc.png")
    image = cv2.imread(str(tmp_path / "roc.png"))
    assert image is not None
    assert image.shape == (720, 960, 3)
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize("genuine", [0.5, 1.5, 1.0])
def test_curves_without_a_middle_are_drawn(tmp_path: Path, genuine: float) -> None:
    curve = roc(np.where(SAME, genuine, 1.0), SAME)
    write_png(roc_figure(curve, "all or nothing", 1e-3, 0.0, None), tmp_path / "roc.png")


def test_a_plot_that_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    figure = new_axes("nothing", "x", "y").get_figure(root=True)
    assert figure is not None
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(IsADirectoryError):
        write_png(figure, tmp_path / "folder.png")
    with pytest.raises(FileNotFoundError):
        write_png(figure, tmp_path / "gone" / "plot.png")
    assert [file.name for file in tmp_path.iterdir()] == ["folder.png"]

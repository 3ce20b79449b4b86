"""The plot that evaluations write: refused before the work where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.evaluation.plots import new_axes
from pipeline.commands.evaluations.options import check_plot, write_plot
from pipeline.errors import BadInputError, OutsideError


def test_a_place_for_the_plot(tmp_path: Path) -> None:
    check_plot(None)
    check_plot(tmp_path / "roc.png")
    check_plot(tmp_path / "ROC.PNG")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("roc.svg", "plots are PNG; name a file that ends in .png"),
        ("folder.png", "is a folder; name a file in it"),
        ("gone/roc.png", "there is no folder .*gone; make it first"),
    ],
)
def test_no_place_for_the_plot(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(BadInputError, match=f"--plot .*{name}: {problem}"):
        check_plot(tmp_path / name)


def test_a_plot_that_cannot_be_written(tmp_path: Path) -> None:
    figure = new_axes("nothing", "x", "y").get_figure(root=True)
    assert figure is not None
    write_plot(figure, tmp_path / "plot.png")
    with pytest.raises(OutsideError, match=r"--plot .*: cannot be written \(.*\); name another file"):
        write_plot(figure, tmp_path / "gone" / "plot.png")

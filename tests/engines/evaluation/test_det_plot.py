"""The DET curve: FNIR at each FPIR, averaged over the draws, and a figure of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.evaluation.det_plot import det_curve, det_figure
from engines.evaluation.identification import operating_point
from engines.evaluation.plots import write_png
from tests.engines.evaluation.test_identification import by_hand, drawn


def test_the_curve_is_the_mean_of_the_operating_points() -> None:
    draws = [drawn(1), drawn(2)]
    (found,) = det_curve(draws, np.array([0.3]))
    assert found == pytest.approx(np.mean([operating_point(each, 0.3).fnir for each in draws]))
    curve = det_curve(draws, np.geomspace(0.05, 0.5, 9))
    assert np.all(np.diff(curve) <= 0)


def test_the_figure_is_written(tmp_path: Path) -> None:
    path = tmp_path / "det.png"
    write_png(det_figure({"exact": [drawn(1), by_hand()], "hnsw": [drawn(2)]}), path)
    assert path.read_bytes().startswith(b"\x89PNG")

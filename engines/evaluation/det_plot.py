"""The DET curve of open-set identification: misses against false positives, as thresholds change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from engines.arrays import F64
from engines.evaluation.identification import Searches, operating_point

POINTS = 60
SIZE_IN = (6.0, 4.5)
DPI = 120


def det_curve(draws: Sequence[Searches], max_fpirs: F64) -> F64:
    """FNIR at rank 1 and each FPIR (P,), the mean over the draws, as (P,). Raises EvaluationError."""
    return np.array(
        [np.mean([operating_point(each, float(rate)).fnir for each in draws]) for rate in max_fpirs],
        np.float64,
    )


def draw_det(path: Path, indexes: Mapping[str, Sequence[Searches]]) -> None:
    """Write a PNG with a curve an index, from the FPIR that a draw can resolve up to one half. Raises OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    fewest = min(int(np.sum(~each.mated)) for draws in indexes.values() for each in draws)
    rates = np.geomspace(max(1.0 / fewest, 1e-6), 0.5, POINTS) if fewest > 2 else np.array([0.5])
    figure = Figure(figsize=SIZE_IN, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for width, (index, draws) in zip(np.geomspace(4.0, 1.0, len(indexes)), indexes.items(), strict=True):
        axes.plot(rates, det_curve(draws, rates), label=index, linewidth=float(width))
    axes.set(xscale="log", xlabel="FPIR", ylabel="FNIR, rank 1", title="Open-set identification")
    axes.set_ylim(bottom=0.0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=DPI, format="png")

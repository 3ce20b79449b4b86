"""The DET curve of open-set identification: misses against false positives, as thresholds change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engines.arrays import F64
from engines.evaluation.identification import Searches, operating_point
from engines.evaluation.plots import new_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 60
HIGHEST = 0.5
"""right border: who names every second stranger needs no curve"""


def det_curve(draws: Sequence[Searches], max_fpirs: F64) -> F64:
    """FNIR at rank 1 and each FPIR (P,), the mean over the draws, as (P,). Raises EvaluationError."""
    return np.array(
        [np.mean([operating_point(each, float(rate)).fnir for each in draws]) for rate in max_fpirs],
        np.float64,
    )


def det_figure(indexes: Mapping[str, Sequence[Searches]]) -> Figure:
    """A curve an index, from the FPIR that a draw can resolve up to one half."""
    from matplotlib.ticker import FuncFormatter, PercentFormatter

    fewest = min(int(np.sum(~each.mated)) for draws in indexes.values() for each in draws)
    rates = np.geomspace(min(1.0 / max(fewest, 1), HIGHEST), HIGHEST, POINTS)
    axes = new_axes("Open-set identification, rank 1", "FPIR: strangers named", "FNIR: people missed")
    # Curves that lie on each other are told apart by width.
    for width, (index, draws) in zip(np.geomspace(4.0, 1.0, len(indexes)), indexes.items(), strict=True):
        axes.plot(rates, det_curve(draws, rates), label=index, linewidth=float(width))
    axes.set_xscale("log")
    axes.set_ylim(bottom=0.0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{100 * rate:g}%"))  # 0.1%, not 0%
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.legend()
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure

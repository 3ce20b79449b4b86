"""Recall against time, a line an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NONE_MISSED = 1e-4
"""where a logarithmic axis shows what missed none"""


@dataclass(frozen=True, slots=True)
class Point:
    """One effort of one index."""

    index: str
    templates: int
    recall: float
    """of mated and non-mated probes together"""
    p50_ms: float


def plot(points: Sequence[Point], file: Path) -> None:
    """Write a PNG, a panel a size of gallery."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    sizes = sorted({point.templates for point in points})
    colours = {
        name: f"C{number}" for number, name in enumerate(dict.fromkeys(point.index for point in points))
    }
    figure, panels = pyplot.subplots(1, len(sizes), figsize=(4.2 * len(sizes), 3.6), squeeze=False)
    for panel, size in zip(panels[0], sizes, strict=True):
        names = dict.fromkeys(point.index for point in points if point.templates == size)
        for name in names:
            own = [point for point in points if point.index == name and point.templates == size]
            own.sort(key=lambda point: point.p50_ms)
            misses = [max(1.0 - point.recall, NONE_MISSED) for point in own]
            times = [point.p50_ms for point in own]
            panel.plot(times, misses, "o-", markersize=3, label=name, color=colours[name])
        panel.set(xscale="log", yscale="log", xlabel="median search, ms", title=f"{size:,} templates")
        panel.set_ylabel("nearest not found (1 - recall@1)")
        panel.axhline(0.01, color="grey", linewidth=0.6)
        panel.invert_yaxis()
        panel.xaxis.set_minor_formatter(ticker.NullFormatter())
        panel.grid(alpha=0.3)
        panel.legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    pyplot.close(figure)

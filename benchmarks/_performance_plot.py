"""The pictures of docs/performance.md: where the time of a frame goes, and how near the networks are to the roof."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from benchmarks._pipeline_steps import StepRow
    from benchmarks._roofline_networks import NetworkRow
    from benchmarks._roofline_peaks import Peaks

NETWORK_COLOUR, OUR_COLOUR, OTHER_COLOUR = "#4c72b0", "#dd8452", "#8c8c8c"
"""blue and orange, which colour-blind people tell apart, and a grey"""
MARKS = {"centerface": "o", "facenet-20180408": "s"}
DECODER_STEPS = ("decode", "to RGB")


def plot_steps(rows: Sequence[StepRow], file: Path) -> None:
    """Bars of processor time, a panel a video; SVG or PNG by the file's ending."""
    videos = list(dict.fromkeys(row.video for row in rows))
    steps = list(dict.fromkeys(row.step for row in rows))
    figure, panels = _figure(len(videos), (4.8, 4.2))
    for panel, video in zip(panels, videos, strict=True):
        own = {row.step: row for row in rows if row.video == video}
        values = [own[step].cpu_ms_frame if step in own else 0.0 for step in steps]
        colours = [
            NETWORK_COLOUR if "network" in step else OTHER_COLOUR if step in DECODER_STEPS else OUR_COLOUR
            for step in steps
        ]
        bars = panel.barh(range(len(steps)), values, color=colours)
        panel.bar_label(bars, [f"{value:.2f}" for value in values], padding=2, fontsize=7)
        panel.set_yticks(range(len(steps)), steps, fontsize=8)
        panel.invert_yaxis()
        panel.set_xlim(0, 1.15 * max(values))
        panel.set_title(f"{video}: {sum(values):.1f} ms", fontsize=9)
        panel.set_xlabel("processor time, ms a frame of the video", fontsize=8)
    _save(figure, file)


def plot_roofline(rows: Sequence[NetworkRow], peaks: Peaks, file: Path) -> None:
    """Operations a second against operations a byte, with the roof of each precision; SVG or PNG."""
    import numpy as np
    from matplotlib import ticker

    figure, (panel,) = _figure(1, (7.0, 4.6))
    intensity = np.logspace(0, 3, 200)
    for precision, colour in (("fp32", OTHER_COLOUR), ("bf16", NETWORK_COLOUR), ("int8", OUR_COLOUR)):
        peak = peaks.of(precision)
        if peak is None:
            continue
        roof = np.minimum(peak, peaks.bandwidth_gb_s * intensity)
        panel.plot(intensity, roof, color=colour, label=f"{precision}: {peak:,.0f} GOPS")
        own = [row for row in rows if row.precision == precision]
        for network in dict.fromkeys(row.network for row in own):
            # A larger input is a larger mark; the sizes of a network lie too close to name each.
            sizes = [row for row in own if row.network == network]
            for number, row in enumerate(sizes):
                panel.plot(
                    row.ops_per_byte, row.gops, MARKS[network], color=colour, ms=4 + 2 * number, mec="white"
                )
            last = sizes[-1]
            panel.annotate(
                network.split("-")[0],
                (last.ops_per_byte, last.gops),
                textcoords="offset points",
                xytext=(7, -3),
                fontsize=7,
                color=colour,
            )
    panel.set(xscale="log", yscale="log", xlim=(4, 1e3))
    panel.set_xlabel(f"operations a byte (memory: {peaks.bandwidth_gb_s:.0f} GB/s)", fontsize=8)
    panel.set_ylabel("10⁹ operations a second", fontsize=8)
    panel.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    panel.yaxis.set_minor_formatter(ticker.NullFormatter())
    panel.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    panel.grid(alpha=0.3, which="both")
    panel.legend(fontsize=8, loc="lower right")
    _save(figure, file)


def _figure(panels: int, size: tuple[float, float]) -> tuple[Figure, Sequence[Axes]]:
    import matplotlib

    matplotlib.use("Agg")
    # Text stays text, and ids repeat, so that a new picture differs where its numbers do.
    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "facestream"}
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, panels, figsize=(size[0] * panels, size[1]), squeeze=False)
    for axis in axes[0]:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, list(axes[0])


def _save(figure: Figure, file: Path) -> None:
    from matplotlib import pyplot

    figure.tight_layout()
    metadata = {"Date": None} if file.suffix == ".svg" else None
    figure.savefig(file, dpi=120, metadata=metadata)
    pyplot.close(figure)

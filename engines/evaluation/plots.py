"""Plots as PNG files, drawn without a display."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from engines.evaluation.verification import Roc

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (6.4, 4.8)
DOTS_PER_INCH = 150


def new_axes(title: str, x_label: str, y_label: str) -> Axes:
    """Empty axes of a figure of their own, with a faint grid and no frame above and to the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize="medium", loc="left")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(visible=True, color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure whole or not at all. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    try:
        figure.savefig(part, format="png", dpi=DOTS_PER_INCH)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def roc_figure(curve: Roc, title: str, far: float, val: float, val_sem: float | None) -> Figure:
    """VAL over FAR on a logarithmic axis, with the VAL at one FAR marked, its standard error as a bar.

    The axis begins at the lowest FAR that the pairs can tell of: one impostor accepted.
    """
    axes = new_axes(title, "FAR: impostor pairs accepted", "VAL: genuine pairs accepted")
    told = curve.far > 0.0
    left = min(float(curve.far[told].min()), far)
    lowest = min(float(curve.val[curve.far <= max(left, curve.far[told].min())].max()), val)
    axes.plot(curve.far[told], curve.val[told], color="tab:blue")
    axes.errorbar(far, val, yerr=val_sem, fmt="o", color="tab:red", capsize=4)
    sign = "" if val_sem is None else f" ± {val_sem:.4f}"
    axes.annotate(f"VAL {val:.4f}{sign}\nat FAR {far:g}", (far, val), (14, -36), textcoords="offset points")
    axes.set_xscale("log")
    axes.set_xlim(left, 1.0)
    margin = max(0.02, 0.5 * (1.0 - lowest))
    axes.set_ylim(max(0.0, lowest - margin), 1.0 + 0.05 * (1.0 - lowest + margin))
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure

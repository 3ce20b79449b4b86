"""`evaluate quality`: whether errors fall as the photos of the lowest quality are rejected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import (
    ConfigOption,
    Context,
    DataOption,
    DebugOption,
    JsonOption,
    SetOption,
    make_context,
    path_given,
)
from pipeline.commands.evaluations.options import (
    ImagesOption,
    PlotOption,
    WithoutOption,
    check_plot,
    write_plot,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

    from engines.evaluation.error_reject import RejectCurve
    from engines.evaluation.face_set import FaceSet
    from engines.evaluation.lfw_pairs import Pairs

FARS = (1e-2, 1e-3)
OVERALL = "overall"
SHOWN = (0, 5, 10, 15, 20, 25, 30)
"""percent rejected that tables and JSON have"""
DIGITS = 4


@dataclass(frozen=True, slots=True)
class ScoreCurve:
    """A score's curve."""

    score: str
    """overall, or a part"""
    curve: RejectCurve
    gain: float
    """0 as random rejection, 1 as the oracle"""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The curves at one threshold."""

    far: float
    threshold: float
    """squared L2, fixed on all pairs"""
    fnmr: float
    """of all pairs"""
    oracle: RejectCurve
    scores: tuple[ScoreCurve, ...]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The result."""

    photos: int
    undetected: int
    genuine: int
    impostors: int
    points: tuple[OperatingPoint, ...]


def quality(
    images: ImagesOption,
    pairs: Annotated[
        Path | None,
        typer.Option("--pairs", metavar="FILE", parser=path_given, help="LFW's pairs.txt. [all pairs]"),
    ] = None,
    without: WithoutOption = None,
    plot: PlotOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Error versus reject: false non-matches at a fixed threshold as the worst photos are rejected.

    A pair is as good as the worse of its photos. Without --pairs all pairs count, and a person's only across videos
    where photos are frames of videos, PERSON/VIDEO/FRAME. Vectors are kept below --data for the next run.

    Example: python run_pipeline.py evaluate quality --images ytf.tar --plot reject.png
    """
    from engines.evaluation.lfw_pairs import read_pairs
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.evaluations.faces import describe_sets, photos_of

    context = make_context(config, data, set_, json_, debug)
    check_plot(plot)
    listed = None if pairs is None else read_pairs(pairs)
    left_out = frozenset() if without is None else read_pairs(without).people
    photo_set = open_photo_set(images)
    (faces,) = describe_sets(context, photo_set if listed is None else photos_of(listed, photo_set))
    run_quality(context, faces.without(left_out), listed, images, plot)


def run_quality(
    context: Context, faces: FaceSet, pairs: Pairs | None, source: Path, plot: Path | None = None
) -> None:
    """Judge the pairs, print and draw. Raises EvaluationError, OutsideError."""
    report = reported(faces, pairs, str(source))
    if plot is not None:
        write_plot(drawn(report, source.name), plot)
    if context.json:
        context.print_json(document(report))
        return
    for point in report.points:
        context.print(table_of(point))
    context.print(
        f"{report.genuine:,} genuine and {report.impostors:,} impostor pairs of {report.photos:,} photos, "
        f"{report.undetected:,} without a face"
    )


def reported(faces: FaceSet, pairs: Pairs | None, source: str) -> QualityReport:
    """The curves of the overall quality and of each part. Raises EvaluationError."""
    import numpy as np

    from engines.evaluation.error_reject import error_reject, gain, oracle, pair_quality
    from engines.evaluation.photo_pairs import all_pairs, listed_pairs
    from engines.evaluation.verification import threshold_at_far

    paired = all_pairs(faces) if pairs is None else listed_pairs(faces, pairs, source)
    columns = {OVERALL: faces.quality, **dict(zip(faces.part_names, faces.parts.T, strict=True))}
    points = []
    for far in FARS:
        threshold = threshold_at_far(paired.impostors, far)
        best = oracle(paired.genuine, threshold)
        scores = []
        for name, values in columns.items():
            worse = pair_quality(values, paired.first, paired.second)
            curve = error_reject(worse, paired.genuine, threshold)
            scores.append(ScoreCurve(name, curve, gain(curve, best)))
        fnmr = float(np.mean(paired.genuine >= threshold))
        points.append(OperatingPoint(far, threshold, fnmr, best, tuple(scores)))
    undetected = len(faces) - int(np.count_nonzero(faces.found))
    return QualityReport(len(faces), undetected, len(paired.genuine), len(paired.impostors), tuple(points))


def table_of(point: OperatingPoint) -> Table:
    """False non-match rates by percent rejected, a line a score."""
    from rich.table import Table

    title = f"false non-match rate at FAR {point.far:g}, distance {point.threshold:.3f}"
    table = Table(
        "rejected", *(f"{percent} %" for percent in SHOWN), "gain", title=title, title_justify="left"
    )
    flat = [f"{point.fnmr:.4f}"] * len(SHOWN)
    table.add_row("at random", *flat, "0.00")
    for each in point.scores:
        table.add_row(each.score, *(f"{rate:.4f}" for rate in shown_rates(each.curve)), f"{each.gain:.2f}")
    table.add_row("oracle", *(f"{rate:.4f}" for rate in shown_rates(point.oracle)), "1.00")
    return table


def shown_rates(curve: RejectCurve) -> Iterator[float]:
    """The rates at the percentages that are shown."""
    import numpy as np

    for percent in SHOWN:
        yield float(np.interp(percent / 100, curve.rejected, curve.fnmr))


def document(report: QualityReport) -> dict[str, object]:
    """The JSON object of the result."""
    return {
        "photos": report.photos,
        "detection_failures": report.undetected,
        "genuine_pairs": report.genuine,
        "impostor_pairs": report.impostors,
        "rejected": [percent / 100 for percent in SHOWN],
        "points": [
            {
                "far": point.far,
                "threshold": round(point.threshold, DIGITS),
                "fnmr": round(point.fnmr, DIGITS),
                "oracle": _rounded(point.oracle),
                "scores": {
                    each.score: {
                        "fnmr": _rounded(each.curve),
                        "pauc": round(each.curve.pauc, DIGITS),
                        "gain": round(each.gain, DIGITS),
                    }
                    for each in point.scores
                },
            }
            for point in report.points
        ],
    }


def _rounded(curve: RejectCurve) -> list[float]:
    return [round(rate, DIGITS) for rate in shown_rates(curve)]


def drawn(report: QualityReport, title: str) -> Figure:
    """The overall curve of each operating point, its parts faint, with the oracle and random rejection."""
    from engines.evaluation.plots import new_axes

    axes = new_axes(title, "pairs rejected", "false non-match rate of the others, over that of all")
    axes.axhline(1.0, color="0.5", linestyle=":", label="at random")
    for colour, point in zip(("tab:blue", "tab:red"), report.points, strict=True):
        whole = max(point.fnmr, 1e-12)
        for each in point.scores:
            bold = each.score == OVERALL
            axes.plot(
                each.curve.rejected,
                each.curve.fnmr / whole,
                color=colour,
                alpha=1.0 if bold else 0.2,
                linewidth=2.0 if bold else 1.0,
                label=f"overall, FAR {point.far:g}: {point.fnmr:.4f} of all" if bold else None,
            )
        axes.plot(
            point.oracle.rejected,
            point.oracle.fnmr / whole,
            color=colour,
            linestyle="--",
            label=f"oracle, FAR {point.far:g}",
        )
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False, fontsize="small")
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure

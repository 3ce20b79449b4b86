"""`evaluate tracks`: one frame of a video against several fused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
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
from pipeline.commands.evaluations.options import ImagesOption, PlotOption, check_plot, write_plot

if TYPE_CHECKING:
    from rich.table import Table

    from engines.evaluation.face_set import FaceSet
    from engines.evaluation.tracks import Rule, Sampling, TrackError, TrackReport
    from pipeline.arrays import F32

PRODUCT = "quality-weighted (ours)"
LEAST_QUALITY = 1e-6
"""a shot's quality is above 0"""
FEW = 10
"""impostor pairs accepted, below which a threshold is that of a few pairs"""


@dataclass(frozen=True, slots=True)
class SomePeople:
    """Frames of some of the people."""

    of: str
    """which of them"""
    faces: FaceSet


@dataclass(frozen=True, slots=True)
class PeopleReport:
    """The result for some of the people."""

    of: str
    report: TrackReport


def tracks(
    images: ImagesOption,
    apart: Annotated[
        Path | None,
        typer.Option(
            "--apart",
            metavar="PAIRS",
            parser=path_given,
            help="LFW's pairs.txt: its people and the others are also reported apart.",
        ),
    ] = None,
    max_frames: Annotated[int, typer.Option(min=1, help="Fuse at most so many frames.")] = 8,
    subsets: Annotated[
        int, typer.Option(min=1, help="All choices of k frames of a video, or so many drawn ones.")
    ] = 10,
    draws: Annotated[int, typer.Option(min=10, help="Bootstrap draws of people, for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    plot: PlotOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Compare videos with videos: one frame each, and 2, 3 ... fused by several rules.

    The set is PERSON/VIDEO/FRAME.

    Example: python run_pipeline.py evaluate tracks --images ytf_frames.tar --apart pairs.txt --plot tracks.png
    """
    from engines.evaluation.tracks import Sampling
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.evaluations.faces import describe_sets

    check_plot(plot)
    context = make_context(config, data, set_, json_, debug)
    (faces,) = describe_sets(context, open_photo_set(images))
    sampling = Sampling(max_frames=max_frames, subsets=subsets, draws=draws, seed=seed)
    run_tracks(context, faces, sampling, apart, plot)


def run_tracks(
    context: Context, faces: FaceSet, sampling: Sampling, apart: Path | None, plot: Path | None
) -> None:
    """Print the result for all people, and for those of a pairs file and the others apart.

    Raises EvaluationError where there is nobody with two videos, OutsideError where the plot cannot be written.
    """
    from engines.evaluation.tracks import RULES, evaluate_tracks

    rules = {**RULES, PRODUCT: product_rule(context.config.matching.best_shots)}
    reports = [
        PeopleReport(some.of, evaluate_tracks(some.faces, rules, sampling)) for some in _people(faces, apart)
    ]
    for each in reports:
        _say_what_is_few(context, each)
    if plot is not None:
        _draw(reports[0].report, plot)
    if context.json:
        context.print_json({**asdict(sampling), "groups": [asdict(each) for each in reports]})
    else:
        for each in reports:
            context.print(_table(each))


def product_rule(best_shots: int) -> Rule:
    """The rule that cameras follow, with so many shots a track."""
    from pipeline.matching.fusion import BestShots, Shot

    def fused(vectors: F32, quality: F32) -> F32:
        shots = BestShots(best_shots)
        for index, (vector, judged) in enumerate(zip(vectors, quality.tolist(), strict=True)):
            shots.add(Shot(vector, max(judged, LEAST_QUALITY), index))
        return shots.fuse().template

    return fused


def _people(faces: FaceSet, apart: Path | None) -> Iterator[SomePeople]:
    """Everybody, then those of a pairs file and those who are not, as far as there are any."""
    from engines.evaluation.lfw_pairs import read_pairs

    yield SomePeople("all", faces)
    if apart is None:
        return
    named = read_pairs(apart).people
    others = faces.without(named)
    for of, some in (
        (f"in {apart.name}", faces.without(set(others.people))),
        (f"not in {apart.name}", others),
    ):
        if len(some):
            yield SomePeople(of, some)


def _say_what_is_few(context: Context, each: PeopleReport) -> None:
    for far in sorted({row.far for row in each.report.rows}):
        deciding = far * each.report.impostor_pairs
        if deciding < FEW:
            context.say(
                f"{each.of}: FAR {far:g} is {deciding:.1f} of {each.report.impostor_pairs:,} impostor pairs of "
                "videos; go by the interval"
            )


def _table(each: PeopleReport) -> Table:
    from rich.table import Table

    report = each.report
    table = Table(
        "rule",
        "frames",
        "FAR",
        "error, 1 - VAL",
        "95 %",
        "of the single frame's",
        "95 %",
        "threshold",
        title=f"{each.of}: {report.people} people, {report.videos} videos, {report.frames} frames; "
        f"pairs of videos: {report.genuine_pairs:,} genuine, {report.impostor_pairs:,} impostor",
    )
    for row in report.rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: TrackError) -> tuple[str, ...]:
    ratio, sure = row.ratio, row.ratio_interval
    return (
        row.rule,
        str(row.frames),
        f"{row.far:g}",
        f"{row.error:.3f}",
        f"{row.error_interval.low:.3f} to {row.error_interval.high:.3f}",
        "" if ratio is None else f"{ratio:.2f}",
        "" if sure is None else f"{sure.low:.2f} to {sure.high:.2f}",
        f"{row.threshold:.3f}",
    )


def _draw(report: TrackReport, path: Path) -> None:
    """Error by number of frames, one axes a false accept rate. Raises OutsideError."""
    from matplotlib.figure import Figure

    fars = sorted({row.far for row in report.rows})
    figure = Figure(figsize=(4.5 * len(fars), 3.6), layout="constrained")
    for axes, far in zip(figure.subplots(1, len(fars), squeeze=False)[0], fars, strict=True):
        rows = [row for row in report.rows if row.far == far]
        single, *fused = rows
        for rule in dict.fromkeys(row.rule for row in fused):
            points = [single, *(row for row in fused if row.rule == rule)]
            line = [row.error for row in points]
            (drawn,) = axes.plot([row.frames for row in points], line, marker="o", label=rule)
            if rule == PRODUCT:
                low = [row.error_interval.low for row in points]
                high = [row.error_interval.high for row in points]
                axes.fill_between(
                    [row.frames for row in points], low, high, color=drawn.get_color(), alpha=0.15
                )
        axes.set(title=f"FAR {far:g}", xlabel="frames of each video", ylim=(0, None))
        axes.set_xticks(sorted({row.frames for row in rows}))
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("error, 1 - VAL")
    figure.axes[0].legend(fontsize="small")
    write_plot(figure, path)

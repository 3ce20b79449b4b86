"""`evaluate robustness`: how much is recognised on compressed, small, blurred, dark, covered and turned faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
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
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from rich.table import Table

    from engines.evaluation.degrade import Defect
    from engines.evaluation.lfw_pairs import Pairs
    from engines.evaluation.robustness import GateRow, LevelResult, Robustness
    from pipeline.assemble.recognition import Recognition
    from pipeline.capture.photo_set import PhotoSet


def robustness(
    images: ImagesOption,
    pairs: Annotated[
        Path | None,
        typer.Option(
            "--pairs", metavar="FILE", parser=path_given, help="LFW's pairs.txt. [all pairs of one person]"
        ),
    ] = None,
    folds: Annotated[
        int,
        typer.Option("--folds", min=1, help="Use so many of the pairs' folds: LFW's two are 1,500 photos."),
    ] = 2,
    defects: Annotated[
        list[str] | None,
        typer.Option("--defect", metavar="NAME", help="Only this defect; repeatable. [all]"),
    ] = None,
    plot: PlotOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Spoil photos before detection, and tell how many genuine pairs are still accepted at FAR 0.001.

    Every photo is described once a level: with two of LFW's folds some ten minutes on two cores, and seconds
    the second time.

    Example: python run_pipeline.py evaluate robustness --images lfw.tar --pairs pairs.txt --defect jpeg
    """
    from engines.evaluation.lfw_pairs import read_pairs
    from pipeline.assemble.recognition import open_recognition
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.output import model_progress

    check_plot(plot)
    context = make_context(config, data, set_, json_, debug)
    chosen = chosen_defects(defects)
    listed = None if pairs is None else read_pairs(pairs).first_folds(folds)
    photo_set = open_photo_set(images)
    with (
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        run_robustness(context, recognition, photo_set, listed, chosen, plot)


def chosen_defects(names: Sequence[str] | None) -> tuple[Defect, ...]:
    """The defects of these names, all without any. Raises BadInputError, which lists them."""
    from engines.evaluation.degrade import DEFECTS

    known = {defect.name: defect for defect in DEFECTS}
    for name in names or ():
        if name not in known:
            raise BadInputError(f"--defect {name}: there is no such defect; there are {', '.join(known)}")
    return tuple(known[name] for name in names) if names else DEFECTS


def run_robustness(
    context: Context,
    recognition: Recognition,
    photo_set: PhotoSet,
    pairs: Pairs | None,
    defects: Sequence[Defect],
    plot: Path | None,
) -> None:
    """Describe the photos clean and at every level, and print what is left of VAL.

    Raises EvaluationError where there are no pairs, OutsideError where the plot cannot be written.
    """
    from engines.evaluation.photo_pairs import all_pairs, listed_pairs
    from engines.evaluation.robustness import CLEAN, Robustness, pair_matrix
    from pipeline.commands.evaluations.faces import describe_set, photos_of
    from pipeline.commands.evaluations.spoiled import spoiled_set

    if pairs is not None:
        photo_set = photos_of(pairs, photo_set)
    clean = describe_set(context, recognition, photo_set)
    paired = all_pairs(clean) if pairs is None else listed_pairs(clean, pairs, str(photo_set.source))
    held = Robustness(clean, pair_matrix(len(clean), paired.first, paired.second))
    results = [held.level(CLEAN, 0.0, clean)]
    for defect in defects:
        for level in defect.levels:
            spoiled = describe_set(context, recognition, spoiled_set(photo_set, defect, level, clean))
            results.append(held.level(defect.name, level, spoiled))
    if plot is not None:
        _draw(results, defects, plot)
    _report(context, held, results, defects)


def _report(
    context: Context, held: Robustness, results: Sequence[LevelResult], defects: Sequence[Defect]
) -> None:
    by_quality, by_size = held.gate_by_quality(), held.gate_by_size()
    if context.json:
        context.print_json(
            {
                "photos": len(held.clean),
                "people": len(set(held.clean.people)),
                "genuine_pairs": int(held.genuine.sum()) // 2,
                "threshold": held.threshold,
                "levels": [asdict(each) for each in results],
                "by_quality": [asdict(row) for row in by_quality],
                "by_face_px": [asdict(row) for row in by_size],
            }
        )
        return
    context.print(_table(held, results, defects))
    if by_quality:
        context.print(_gate_table("spoiled faces by quality", by_quality))
    if by_size:
        context.print(_gate_table("faces of shrunk photos by the box's shorter side in px", by_size))


def _table(held: Robustness, results: Sequence[LevelResult], defects: Sequence[Defect]) -> Table:
    from rich.table import Table

    units = {defect.name: defect.unit for defect in defects}
    table = Table(
        "defect",
        "level",
        "no face",
        "face px",
        "quality",
        "both: VAL",
        "95 %",
        "FaceNet NN1",
        "kept: VAL",
        "FAR",
        "probe: VAL",
        "kept: VAL",
        "FAR",
        title=f"{len(held.clean):,} photos, {int(held.genuine.sum()) // 2:,} genuine pairs; VAL at FAR 0.001; "
        f"kept: at the threshold of clean photos, {held.threshold:.3f}",
    )
    for each in results:
        both, probe = each.both, each.probe
        table.add_row(
            each.defect,
            f"{each.level:g} {units.get(each.defect, '')}" if each.defect in units else "",
            f"{each.undetected:.1%}",
            f"{each.face_px:.0f}",
            f"{each.quality:.2f}",
            f"{both.val:.3f}",
            f"{both.val_interval.low:.3f} to {both.val_interval.high:.3f}",
            "" if each.paper_val is None else f"{each.paper_val:.3f}",
            f"{both.val_kept:.3f}",
            f"{both.far_kept:.4f}",
            f"{probe.val:.3f}",
            f"{probe.val_kept:.3f}",
            f"{probe.far_kept:.4f}",
        )
    return table


def _gate_table(title: str, rows: Sequence[GateRow]) -> Table:
    from rich.table import Table

    table = Table(
        *("from", "to", "faces", "genuine pairs", "VAL", "FAR", "FAR, both spoiled"),
        title=f"{title}, against clean photos, at the clean threshold",
    )
    for row in rows:
        table.add_row(
            f"{row.low:g}",
            f"{row.high:g}",
            f"{row.faces:,}",
            f"{row.genuine_pairs:,}",
            "" if row.val is None else f"{row.val:.3f}",
            f"{row.far:.4f}",
            f"{row.far_both:.4f}",
        )
    return table


def _draw(results: Sequence[LevelResult], defects: Sequence[Defect], path: Path) -> None:
    """Small multiples, one axes a defect, mild on the left. Raises OutsideError."""
    from matplotlib.figure import Figure

    columns = min(4, len(defects))
    rows = -(-len(defects) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.7 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes, defect in zip(grid, defects, strict=False):
        levels = [each for each in results if each.defect == defect.name]
        at = range(len(levels))
        axes.plot(
            at, [each.both.val for each in levels], marker="o", label="both spoiled, threshold refitted"
        )
        axes.plot(at, [each.both.val_kept for each in levels], marker=".", label="both, clean threshold")
        axes.plot(at, [each.probe.val_kept for each in levels], marker="s", label="probe, clean threshold")
        paper = [(place, each.paper_val) for place, each in enumerate(levels) if each.paper_val is not None]
        if paper:
            axes.plot(*zip(*paper, strict=True), marker="x", linestyle=":", color="0.4", label="FaceNet NN1")
        axes.set_xticks(at, [f"{each.level:g}" for each in levels])
        axes.axhline(results[0].both.val, color="0.8", linewidth=1, zorder=0)
        axes.set(title=defect.name, xlabel=defect.unit, ylim=(0, 1.02))
        axes.grid(alpha=0.3)
    for axes in grid[len(defects) :]:
        axes.set_visible(False)
    grid[0].set_ylabel("VAL at FAR 0.001")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize="small")
    write_plot(figure, path)

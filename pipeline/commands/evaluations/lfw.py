"""`evaluate lfw`: the published protocol for 1:1, on Labeled Faces in the Wild."""

from __future__ import annotations

from collections.abc import Mapping
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
    from matplotlib.figure import Figure

    from engines.evaluation.face_set import FaceSet
    from engines.evaluation.lfw import View2
    from engines.evaluation.lfw_pairs import Pairs
    from pipeline.assemble.recognition import Recognition
    from pipeline.capture.photo_set import PhotoSet

DIGITS = 6
"""of a figure in JSON: a pair of 6,000 is 0.000167"""


@dataclass(frozen=True, slots=True)
class Variant:
    """What is added to the plain protocol of one crop a photo."""

    flip: bool = False
    """each photo's crop and its mirror image, their vectors one after the other"""
    subtract_mean: bool = False
    """each fold's vectors without the mean of the other folds'"""


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to print."""

    result: View2
    photos: int
    failures: tuple[str, ...]
    """photos without a detection, whose middle was described instead"""
    variant: Variant
    model: str
    detector: str
    backend: str
    precision: str


def lfw(
    images: ImagesOption,
    pairs: Annotated[
        Path,
        typer.Option("--pairs", metavar="FILE", parser=path_given, help="pairs.txt, as LFW has it."),
    ],
    flip: Annotated[
        bool, typer.Option("--flip", help="Describe mirrored crops too, and join both vectors.")
    ] = False,
    subtract_mean: Annotated[
        bool, typer.Option("--subtract-mean", help="Take off the mean vector of the other folds.")
    ] = False,
    folds: Annotated[
        int | None, typer.Option("--folds", min=1, help="Only the first so many, for a quick look.")
    ] = None,
    plot: PlotOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Labeled Faces in the Wild, View 2: ten folds, each judged by a threshold chosen on the other nine.

    One face a photo: of several the large one near the middle, where none is detected the photo's middle.
    View 2 is for final figures: choose nothing on it. Vectors are kept below --data, so a second run takes seconds.

    Example: python run_pipeline.py evaluate lfw --images lfw.tar --pairs pairs.txt --plot roc.png
    """
    from engines.evaluation.lfw_pairs import read_pairs
    from pipeline.assemble.recognition import open_recognition
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.evaluations.faces import photos_of
    from pipeline.commands.output import model_progress

    context = make_context(config, data, set_, json_, debug)
    check_plot(plot)
    listed = read_pairs(pairs)
    listed = listed if folds is None else listed.first_folds(folds)
    photo_set = photos_of(listed, open_photo_set(images))
    with (
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        run_lfw(context, recognition, photo_set, listed, Variant(flip, subtract_mean), plot)


def run_lfw(
    context: Context,
    recognition: Recognition,
    photo_set: PhotoSet,
    pairs: Pairs,
    variant: Variant,
    plot: Path | None = None,
) -> None:
    """Describe the photos, judge the pairs, print and draw.

    Raises EvaluationError where photos of the pairs cannot be read, OutsideError where something cannot be written.
    """
    from engines.evaluation.lfw import flip_fused, view2
    from pipeline.commands.evaluations.faces import describe_set

    faces = describe_set(context, recognition, photo_set, flipped=variant.flip)
    rows = pairs.rows_in(faces.names, str(photo_set.source))
    vectors = flip_fused(faces.vectors, faces.flipped) if variant.flip else faces.vectors
    result = view2(vectors[rows.first], vectors[rows.second], pairs, subtract_mean=variant.subtract_mean)
    if pairs.folds == 1:
        context.say(
            "one fold: its thresholds are chosen on the pairs that they judge, and no error can be told"
        )
    if plot is not None:
        write_plot(drawn(result, recognition.model_id, variant), plot)
    print_report(context, reported(context, recognition, result, faces, variant))


def reported(
    context: Context, recognition: Recognition, result: View2, faces: FaceSet, variant: Variant
) -> Report:
    """The result with what it was measured on and by."""
    from pipeline.assemble.recognition import engine_choice

    choice = engine_choice(context.config)
    return Report(
        result=result,
        photos=len(faces),
        failures=tuple(
            name for name, found in zip(faces.names, faces.found.tolist(), strict=True) if not found
        ),
        variant=variant,
        model=recognition.model_id,
        detector=context.config.detection.model,
        backend=choice.backend,
        precision=choice.precision,
    )


def print_report(context: Context, report: Report) -> None:
    """A JSON line a fold and then one of all, or a table."""
    if not context.json:
        print_table(context, report)
        return
    for number, fold in enumerate(report.result.folds, 1):
        context.print_json({"fold": number, **rounded(asdict(fold))})
    context.print_json(document(report))


def document(report: Report) -> dict[str, object]:
    """The JSON object that the output ends with."""
    result = report.result
    figures = {
        "accuracy": result.accuracy,
        "accuracy_sem": result.accuracy_sem,
        "val_at_far_1e-3": result.val,
        "val_sem": result.val_sem,
        "far": result.far,
        "auc": result.auc,
        "eer": result.eer,
        "d_prime": result.d_prime,
        "threshold": result.threshold,
        "val_threshold": result.val_threshold,
    }
    return {
        **rounded(figures),
        "detection_failures": len(report.failures),
        "detection_failures_list": list(report.failures),
        "pairs": result.pairs,
        "folds": len(result.folds),
        "photos": report.photos,
        **asdict(report.variant),
        "model": report.model,
        "detector": report.detector,
        "backend": report.backend,
        "precision": report.precision,
    }


def rounded(figures: Mapping[str, float | None]) -> dict[str, object]:
    """To the decimals that JSON has."""
    return {name: None if value is None else round(value, DIGITS) for name, value in figures.items()}


def drawn(result: View2, model: str, variant: Variant) -> Figure:
    """The ROC of all pairs."""
    from engines.evaluation.lfw import VAL_FAR
    from engines.evaluation.plots import roc_figure

    added = ", flipped" * variant.flip + ", mean subtracted" * variant.subtract_mean
    return roc_figure(result.roc, f"LFW, View 2: {model}{added}", VAL_FAR, result.val, result.val_sem)


def print_table(context: Context, report: Report) -> None:
    """The figures for people."""
    from rich.table import Table
    from rich.text import Text

    from pipeline.commands.report import visible

    result, variant, folds = report.result, report.variant, len(report.result.folds)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for name, figure, note in (
        ("accuracy", _with_error(result.accuracy, result.accuracy_sem), f"threshold {result.threshold:.3f}"),
        (
            "VAL at FAR 1e-3",
            _with_error(result.val, result.val_sem),
            f"threshold {result.val_threshold:.3f}, FAR measured {result.far:.5f}",
        ),
        ("AUC", f"{result.auc:.5f}", ""),
        ("EER", f"{result.eer:.5f}", ""),
        ("d'", f"{result.d_prime:.3f}", ""),
        ("pairs", f"{result.pairs}", f"in {folds} fold{'s' if folds > 1 else ''}, of {report.photos} photos"),
        ("flip", "on" if variant.flip else "off", ""),
        ("subtract mean", "on" if variant.subtract_mean else "off", ""),
        ("photos without a detection", f"{len(report.failures)}", ""),
    ):
        table.add_row(name, figure, note)
    context.print(table)
    for name in report.failures:
        context.print(Text(f"  {visible(name)}"))
    context.print(f"{report.model}, {report.detector}; {report.backend} {report.precision}")


def _with_error(value: float, sem: float | None) -> str:
    return f"{value:.4f}" if sem is None else f"{value:.4f} ± {sem:.4f}"

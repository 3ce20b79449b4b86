"""`calibrate`: what distance keeps the rate of false names that the configuration states, and can it be kept?"""

from __future__ import annotations

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
from pipeline.errors import BadInputError, OutsideError

if TYPE_CHECKING:
    from engines.evaluation.face_set import FaceSet


def calibrate(
    strangers: Annotated[
        Path | None,
        typer.Option(
            "--strangers",
            metavar="SET",
            parser=path_given,
            help="Measure strangers on a folder or tar of people, and use that from now on.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE.json", parser=path_given, help="Write the statistics here instead."
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check", metavar="SET", parser=path_given, help="Promised against measured on other people."
        ),
    ] = None,
    videos: Annotated[
        Path | None,
        typer.Option(
            "--videos",
            metavar="SET",
            parser=path_given,
            help="PERSON/VIDEO/FRAME: the strangers of --check are seen in videos, and searched for as cameras do.",
        ),
    ] = None,
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="N,N...", help="People in the galleries of --check.")
    ] = "100,500,1000,3000",
    draws: Annotated[int, typer.Option("--draws", min=1, help="Galleries of --check, each size.")] = 20,
    groups: Annotated[
        int, typer.Option("--groups", min=0, help="Groups of people who are alike in --check; 0: none.")
    ] = 8,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Print the distance that keeps matching.max_fpir in the gallery as it is, and what it costs.

    Exit code 1 where the gallery is too alike, or too large, to keep the rate and recognise people; else 0.

    Example: python run_pipeline.py calibrate --set matching.max_fpir=0.001
    """
    if strangers is not None and check is not None:
        raise typer.BadParameter("--strangers and --check are two runs: first the one, then the other")
    if out is not None and strangers is None:
        raise typer.BadParameter("--out is where the statistics of --strangers go; give both")
    if videos is not None and check is None:
        raise typer.BadParameter("--videos are shown to the galleries of --check; give both")
    counts = parse_sizes(sizes)
    if out is not None:
        check_statistics(out)
    context = make_context(config, data, set_, json_, debug)
    if strangers is not None:
        (faces,) = faces_of(context, strangers)
        run_strangers(context, faces, strangers.name, out)
    elif check is None:
        from pipeline.commands.calibration_report import run_gallery

        raise typer.Exit(run_gallery(context))
    else:
        checked(context, check, videos, counts, draws, groups)


def checked(
    context: Context, check: Path, videos: Path | None, sizes: tuple[int, ...], draws: int, groups: int
) -> None:
    """Hold the promise to people, or to people on videos. Raises EvaluationError, and as `describe_sets`."""
    from pipeline.commands.calibration_check import CheckPlan, run_check
    from pipeline.commands.sighting_check import run_video_check

    if videos is None:
        (faces,) = faces_of(context, check)
        run_check(context, faces, CheckPlan(sizes, draws, groups))
    else:
        faces, seen = faces_of(context, check, videos)
        run_video_check(context, faces, seen, CheckPlan(sizes, draws, 0))


def faces_of(context: Context, *sources: Path) -> list[FaceSet]:
    """The faces of each folder or tar. Raises as `describe_sets`."""
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.evaluations.faces import describe_sets

    return describe_sets(context, *map(open_photo_set, sources))


def check_statistics(path: Path) -> None:
    """Raise BadInputError or OutsideError, before the work and not after it, where --out cannot be written."""
    from pipeline.commands.written_files import check_file

    if path.suffix.lower() != ".json":
        raise BadInputError(f"--out {path}: statistics are JSON; name a file that ends in .json")
    check_file("--out", path)


def parse_sizes(text: str) -> tuple[int, ...]:
    """Numbers of people, each once, from few to many. Raises BadInputError."""
    try:
        sizes = sorted({int(part) for part in text.split(",")})
    except ValueError:
        sizes = []
    if not sizes or sizes[0] < 1:
        raise BadInputError(f"--sizes {text}: not numbers of people; write them as 100,500,1000")
    return tuple(sizes)


def run_strangers(context: Context, faces: FaceSet, name: str, out: Path | None) -> None:
    """Measure the strangers of a set, keep the statistics and print what they say.

    Raises EvaluationError for too few people, OutsideError where the file cannot be written.
    """
    import numpy as np

    from engines.strangers import measure_strangers
    from pipeline.commands.thresholds import described, own_file

    model = described(context.config)
    rows = np.flatnonzero(faces.found)
    people = [faces.people[row] for row in rows.tolist()]
    command = f"python run_pipeline.py calibrate --strangers {name}"
    found = measure_strangers(faces.vectors[rows], people, model.model_id, f"{name}, by: {command}")
    path = out or own_file(context.data, model.model_id)
    try:
        found.write(path)
    except OSError as error:
        raise OutsideError(
            f"{path}: cannot be written ({error.strerror}); make room, or name another with --out"
        ) from error
    from pipeline.commands.calibration_report import show_strangers

    show_strangers(context, found, len(faces) - len(rows), path)

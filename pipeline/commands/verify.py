"""`verify`: do two photos show the same person?"""

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
from pipeline.commands.thresholds import verification_distance
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from pipeline.arrays import U8
    from pipeline.gallery.recogniser import Recogniser
    from pipeline.gallery.verify import Comparison, DescribedPhoto

NOT_THE_SAME = 1


def verify(
    a: Annotated[Path, typer.Argument(metavar="A", parser=path_given, help="A photo.")],
    b: Annotated[Path, typer.Argument(metavar="B", parser=path_given, help="Another photo.")],
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say whether two photos show the same person, by the largest face of each. Exit code 0 yes, 1 no.

    Example: python run_pipeline.py verify passport.jpg door.jpg --json
    """
    from pipeline.assemble.recognition import open_recognition
    from pipeline.capture.photo import read_photo
    from pipeline.commands.output import model_progress

    context = make_context(config, data, set_, json_, debug, make_data=False)
    images = [(path, read_photo(path)) for path in (a, b)]  # before the models are loaded
    with (
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        code = run_verify(context, images, recognition)
    raise typer.Exit(code)


def run_verify(context: Context, images: list[tuple[Path, U8]], recogniser: Recogniser) -> int:
    """Compare the two images, print the answer; the exit code. Raises BadInputError for one without a face."""
    from pipeline.gallery.verify import compare

    a, b = (largest_of(context, path, image, recogniser) for path, image in images)
    comparison = compare(a, b, verification_distance(context.config, context.data))
    if context.json:
        context.print_json(document(comparison))
    else:
        answer = "the same person" if comparison.same else "not the same person"
        context.print(
            f"{answer}: distance {comparison.distance:.4f}, the same below {comparison.threshold:.4f}; "
            f"similarity {comparison.similarity:.4f}"
        )
    return 0 if comparison.same else NOT_THE_SAME


def largest_of(context: Context, path: Path, image: U8, recogniser: Recogniser) -> DescribedPhoto:
    """The largest face of a photo; says so where there are others. Raises BadInputError where there is none."""
    from pipeline.gallery.verify import describe_largest

    described = describe_largest(image, recogniser)
    if described is None:
        raise BadInputError(f"{path}: no face found; give a photo that shows a face")
    if described.faces > 1:
        context.say(f"{path}: {described.faces} faces; the largest is compared")
    return described


def document(comparison: Comparison) -> dict[str, object]:
    """The JSON line."""
    return {
        "same": comparison.same,
        "distance": round(comparison.distance, 4),
        "similarity": round(comparison.similarity, 4),
        "threshold": comparison.threshold,
    }

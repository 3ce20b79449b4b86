"""`evaluate identification`: open-set 1:N on a folder of people, for each index that a gallery can have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from pipeline.commands.evaluations.gallery_search import NamingRule, enrolled, search_all, without_people
from pipeline.commands.evaluations.identification_report import EXACT, Draw, Plan, about, over, report
from pipeline.errors import OutsideError

if TYPE_CHECKING:
    from engines.evaluation.face_set import FaceSet
    from engines.evaluation.identification import Searches


def identification(
    images: Annotated[
        Path,
        typer.Option("--images", metavar="SET", parser=path_given, help="Folder or tar, a folder a person."),
    ],
    gallery_size: Annotated[
        int | None, typer.Option("--gallery-size", min=1, help="People enrolled. [half of them]")
    ] = None,
    templates: Annotated[int, typer.Option("--templates", min=1, help="Photos enrolled a person.")] = 1,
    distractors: Annotated[
        Path | None,
        typer.Option(
            "--distractors",
            metavar="SET",
            parser=path_given,
            help="People who fill the gallery, never searched for.",
        ),
    ] = None,
    draws: Annotated[int, typer.Option("--draws", min=1, help="Galleries drawn.")] = 5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the first draw.")] = 0,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", metavar="FILE.png", parser=path_given, help="FNIR against FPIR, exact search."
        ),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Open-set 1:N: some of the people are enrolled, everybody's other photos search. Who is missed, who is misnamed?

    Approximate indexes approximate here from the first template on, while cameras search small galleries exactly.

    Example: python run_pipeline.py evaluate identification --images lfw.tar --gallery-size 1000
    """
    from pipeline.assemble import open_recognition
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.evaluations.faces import describe_set
    from pipeline.commands.output import model_progress

    context = make_context(config, data, set_, json_, debug)
    given = [open_photo_set(source) for source in (images, distractors) if source is not None]
    with (
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        faces, *others = [describe_set(context, recognition, photo_set) for photo_set in given]
    people = len(set(faces.people))
    plan = Plan(gallery_size or max(people // 2, 1), templates, draws, seed)
    run_identification(context, faces, others[0] if others else None, plan, plot)


def run_identification(
    context: Context, faces: FaceSet, others: FaceSet | None, plan: Plan, plot: Path | None = None
) -> None:
    """Draw, search and print. Raises EvaluationError where the set is too small for the plan."""
    from engines.evaluation.gallery_split import draw_templates

    filling = None
    if others is not None:
        kept = others.take(without_people(others, faces.people))
        filling = kept.take(draw_templates(kept, plan.templates, plan.seed))
    rule = naming_rule(context)
    draws: dict[str, list[Draw]] = {}
    for draw in searched(context, faces, filling, plan, rule):
        draws.setdefault(draw.index, []).append(draw)
    if plot is not None:
        write_det_plot(plot, {index: [each.searches for each in found] for index, found in draws.items()})
    report(context, about(faces, filling, plan, rule, draws[EXACT]), [over(each) for each in draws.values()])


def naming_rule(context: Context) -> NamingRule:
    """The configuration's rule."""
    keys = context.config.matching
    return NamingRule(keys.max_distance, keys.min_margin)


def searched(
    context: Context, faces: FaceSet, filling: FaceSet | None, plan: Plan, rule: NamingRule
) -> Iterator[Draw]:
    """Each draw through each index, exact first."""
    from engines.evaluation.gallery_split import split_gallery
    from engines.evaluation.identification import lost_mates
    from pipeline.gallery.choose import INDEXES

    kinds = sorted(INDEXES, key=lambda kind: kind != EXACT)
    with context.progress() as bars:
        task = bars.add_task("searching", total=plan.draws * len(kinds))
        for number in range(plan.draws):
            split = split_gallery(faces, plan.people, plan.templates, plan.seed + number)
            truth: Searches | None = None
            for kind in kinds:
                searches = search_all(enrolled(faces, split, filling, kind), faces, split, rule)
                truth = truth or searches
                yield Draw(kind, split, searches, lost_mates(searches, truth))
                bars.advance(task)


def write_det_plot(path: Path, indexes: Mapping[str, Sequence[Searches]]) -> None:
    """The DET curves as a PNG. Raises OutsideError where it cannot be written."""
    from engines.evaluation.det_plot import draw_det

    try:
        draw_det(path, indexes)
    except OSError as error:
        raise OutsideError(
            f"--plot {path}: cannot be written ({error.strerror}); name another file"
        ) from error

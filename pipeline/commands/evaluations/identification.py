"""`evaluate identification`: open-set 1:N on a folder of people, for each index that a gallery can have."""

from __future__ import annotations

from collections.abc import Iterator
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
from pipeline.commands.evaluations.gallery_search import NamingRule, enrolled, search_all
from pipeline.commands.evaluations.identification_report import EXACT, Draw, Plan, about, over, report
from pipeline.commands.evaluations.options import ImagesOption, PlotOption, check_plot, write_plot
from pipeline.commands.thresholds import naming

if TYPE_CHECKING:
    from engines.evaluation.face_set import FaceSet
    from engines.evaluation.identification import Searches


def identification(
    images: ImagesOption,
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
    plot: PlotOption = None,
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
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.evaluations.faces import describe_sets

    context = make_context(config, data, set_, json_, debug)
    check_plot(plot)
    given = [open_photo_set(source) for source in (images, distractors) if source is not None]
    faces, *others = describe_sets(context, *given)
    people = len(set(faces.people))
    plan = Plan(gallery_size or max(people // 2, 1), templates, draws, seed)
    run_identification(context, faces, others[0] if others else None, plan, plot)


def run_identification(
    context: Context, faces: FaceSet, others: FaceSet | None, plan: Plan, plot: Path | None = None
) -> None:
    """Draw, search and print. Raises EvaluationError where the set is too small for the plan."""
    from engines.errors import EvaluationError
    from engines.evaluation.det_plot import det_figure
    from engines.evaluation.gallery_split import draw_templates

    filling = None
    if others is not None:
        # nobody is to be in a gallery under two numbers
        kept = others.without(set(faces.people))
        if not kept.found.any():
            raise EvaluationError(
                "--distractors: nobody of them has a face and is not in --images; give others"
            )
        filling = kept.take(draw_templates(kept, plan.templates, plan.seed))
    draws: dict[str, list[Draw]] = {}
    for draw in searched(context, faces, filling, plan):
        draws.setdefault(draw.index, []).append(draw)
    if plot is not None:
        write_plot(
            det_figure({index: [each.searches for each in found] for index, found in draws.items()}), plot
        )
    report(
        context, about(context, faces, filling, plan, draws[EXACT]), [over(each) for each in draws.values()]
    )


def searched(context: Context, faces: FaceSet, filling: FaceSet | None, plan: Plan) -> Iterator[Draw]:
    """Each draw through each index, exact first. Names are given by the rule that this gallery would have."""
    from engines.evaluation.gallery_split import split_gallery
    from engines.evaluation.identification import lost_mates
    from pipeline.gallery.indexes.choose import INDEXES

    kinds = sorted(INDEXES, key=lambda kind: kind != EXACT)
    with context.progress() as bars:
        task = bars.add_task("searching", total=plan.draws * len(kinds))
        for number in range(plan.draws):
            split = split_gallery(faces, plan.people, plan.templates, plan.seed + number)
            truth: Searches | None = None
            for kind in kinds:
                replica = enrolled(faces, split, filling, kind)
                rule = NamingRule(
                    naming(context.config, context.data, replica.own_pairs).max_distance,
                    context.config.matching.min_margin,
                )
                searches = search_all(replica, faces, split, rule)
                truth = truth or searches
                yield Draw(kind, split, searches, rule, lost_mates(searches, truth))
                bars.advance(task)

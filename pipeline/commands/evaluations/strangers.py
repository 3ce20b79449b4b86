"""`evaluate strangers`: how many ids an unknown person gets, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from pipeline.commands.evaluations.options import ImagesOption
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from engines.evaluation.face_set import FaceSet
    from engines.evaluation.stranger_agreement import StrangerAgreement
    from pipeline.commands.evaluations.stranger_play import Appearance, Enrolled, Played
    from pipeline.gallery.sightings.stranger_book import Reach

SWEPT = (0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2)
"""of strangers.max_fpir"""


@dataclass(frozen=True, slots=True)
class Play:
    """What is played, and how often."""

    orders: int
    """random orders, of which the figures are the mean"""
    seed: int
    enrolled: int
    """people drawn for each order, whose first sighting is their template and who are not strangers then"""
    sweep: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One way to play some of the people."""

    of: str
    """which of them"""
    shown: str
    """videos or frames"""
    max_fpir: float
    reach: float
    """the distance for strangers when all have passed, squared L2, the mean"""
    figures: StrangerAgreement
    named: float
    """sightings that were named; with nobody enrolled none"""
    named_wrongly: float


def strangers(
    images: ImagesOption,
    apart: Annotated[
        Path | None,
        typer.Option(
            "--apart",
            metavar="PAIRS",
            parser=path_given,
            help="LFW's pairs.txt: its people and the others are also played apart.",
        ),
    ] = None,
    among: Annotated[
        Path | None,
        typer.Option(
            "--among", metavar="FOLDER_OR_TAR", parser=path_given, help="These people pass by as well."
        ),
    ] = None,
    enrolled: Annotated[int, typer.Option(min=0, help="Enrol so many people, drawn anew each time.")] = 0,
    orders: Annotated[int, typer.Option(min=1, help="Random orders of the sightings.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of what is drawn.")] = 0,
    sweep: Annotated[bool, typer.Option("--sweep", help="Also other strangers.max_fpir.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Play photos of people as sightings of unknown faces, and hold the ids they get against who they are.

    The set is PERSON/VIDEO/FRAME: a sighting is a video's frames fused and, played again, a frame alone.

    Example: python run_pipeline.py evaluate strangers --images ytf_frames.tar --apart pairs.txt
    """
    from pipeline.capture.photo_set import open_photo_set
    from pipeline.commands.evaluations.faces import describe_sets
    from pipeline.commands.stranger_reach import stranger_reach

    context = make_context(config, data, set_, json_, debug)
    stranger_reach(context.config, context.data)  # says what is missing before the work
    sets = [open_photo_set(path) for path in (images, among) if path is not None]
    faces, *others = describe_sets(context, *sets)
    run_strangers(context, faces, others[0] if others else None, apart, Play(orders, seed, enrolled, sweep))


def run_strangers(
    context: Context, faces: FaceSet, among: FaceSet | None, apart: Path | None, play: Play
) -> None:
    """Print a row for each way to play them; with --json a line each, then the first again as the result."""
    rows = []
    for of, some in groups(faces, apart):
        crowd = None if among is None else among.without(set(some.people))
        for shown in ("videos", "frames"):
            rows += list(played_rows(context, of, shown, some, crowd, play))
    if context.json:
        for row in rows:
            context.print_json(document(row))
        context.print_json(document(rows[0]))
    else:
        print_table(context, rows)


def groups(faces: FaceSet, apart: Path | None) -> Iterator[tuple[str, FaceSet]]:
    """Everybody, then those of a pairs file and the others, as far as there are any."""
    from engines.evaluation.lfw_pairs import read_pairs

    yield "all", faces
    if apart is not None:
        others = faces.without(read_pairs(apart).people)
        for of, some in (
            (f"in {apart.name}", faces.without(set(others.people))),
            (f"not in {apart.name}", others),
        ):
            if len(some):
                yield of, some


def played_rows(
    context: Context, of: str, shown: str, faces: FaceSet, crowd: FaceSet | None, play: Play
) -> Iterator[Row]:
    """The configured rate, then the swept ones. Raises BadInputError where nobody is to be seen."""
    from pipeline.commands.evaluations.stranger_play import appearances
    from pipeline.commands.stranger_reach import stranger_reach

    best_shots, keys = context.config.matching.best_shots, context.config.strangers
    seen = appearances(faces, best_shots, whole_videos=shown == "videos")
    if not seen:
        raise BadInputError("no photo shows a face; give photos of people")
    others = [] if crowd is None else appearances(crowd, best_shots, whole_videos=True)
    rates = [keys.max_fpir, *(rate for rate in SWEPT if play.sweep and rate != keys.max_fpir)]
    for rate in rates:
        tried = context.config.model_copy(update={"strangers": keys.model_copy(update={"max_fpir": rate})})
        reach = stranger_reach(tried, context.data)
        yield row_of(context, of, shown, seen, others, reach, rate, play)


def row_of(
    context: Context,
    of: str,
    shown: str,
    seen: Sequence[Appearance],
    others: Sequence[Appearance],
    reach: Reach,
    rate: float,
    play: Play,
) -> Row:
    """Play it in every order. The figures are of the sightings in `seen`; the others only pass by."""
    from engines.evaluation.stranger_agreement import StrangerAgreement
    from pipeline.commands.evaluations.stranger_play import played

    plays, figures = [], []
    for order in range(play.orders):
        gallery, strangers = enrolled_of(context, seen, play, order)
        found = played(context.config, [*strangers, *others], reach, play.seed + order, gallery)
        plays.append(found)
        figures.append(agreement_of(found, len(strangers)))
    return Row(
        of=of,
        shown=shown,
        max_fpir=rate,
        reach=sum(each.reach for each in plays) / len(plays),
        figures=StrangerAgreement.mean(figures),
        named=sum(name is not None for each in plays for name in each.names) / len(plays),
        named_wrongly=sum(
            name not in (None, person)
            for each in plays
            for name, person in zip(each.names, each.people, strict=True)
        )
        / len(plays),
    )


def agreement_of(found: Played, counted: int) -> StrangerAgreement:
    """The figures of the first so many sightings, as far as they were not named."""
    import numpy as np

    from engines.evaluation.stranger_agreement import stranger_agreement

    unknown = [row for row, each in enumerate(found.ids) if each is not None]
    return stranger_agreement(
        [found.people[row] for row in unknown],
        [str(found.ids[row]) for row in unknown],
        np.array(unknown) < counted,
    )


def enrolled_of(
    context: Context, seen: Sequence[Appearance], play: Play, order: int
) -> tuple[Enrolled | None, Sequence[Appearance]]:
    """The gallery of this order, and the sightings that are left to be played.

    Raises BadInputError for more people than there are.
    """
    import numpy as np

    from pipeline.commands.evaluations.stranger_play import Enrolled
    from pipeline.commands.thresholds import naming
    from pipeline.gallery.calibration import own_pairs

    if not play.enrolled:
        return None, seen
    people = sorted({one.person for one in seen})
    if play.enrolled > len(people):
        raise BadInputError(f"--enrolled {play.enrolled}: there are {len(people)} people")
    chance = np.random.default_rng([play.seed, order])
    drawn = set(chance.choice(people, play.enrolled, replace=False).tolist())
    first: dict[str, Appearance] = {}
    for one in seen:
        if one.person in drawn:
            first.setdefault(one.person, one)
    vectors = np.stack([one.stages[-1] for one in first.values()])
    rule = naming(context.config, context.data, own_pairs(tuple(first), vectors))
    gallery = Enrolled(tuple(first), vectors, rule.max_distance, context.config.matching.min_margin)
    return gallery, [one for one in seen if first.get(one.person) is not one]


def document(row: Row) -> dict[str, object]:
    """The JSON line of a row."""
    found = row.figures
    return {
        "of": row.of,
        "shown": row.shown,
        "max_fpir": row.max_fpir,
        "max_distance": round(row.reach, 4),
        **{name: round(value, 4) for name, value in asdict(found).items()},
        "b_cubed_f": round(found.b_cubed_f, 4),
        "named": round(row.named, 2),
        "named_wrongly": round(row.named_wrongly, 2),
    }


def print_table(context: Context, rows: Sequence[Row]) -> None:
    """A row a way."""
    from rich.table import Table

    table = Table(
        *("people", "shown", "max_fpir", "distance", "sightings", "ids", "ids a person"),
        *("purity", "B-cubed: P", "R", "F", "split people", "mixed ids", "named", "wrongly"),
    )
    for row in rows:
        found = row.figures
        table.add_row(
            f"{row.of}: {found.people:.0f}",
            row.shown,
            f"{row.max_fpir:g}",
            f"{row.reach:.2f}",
            f"{found.sightings:,.0f}",
            f"{found.ids:,.1f}",
            f"{found.ids_per_person:.2f}",
            f"{found.purity:.3f}",
            *(f"{each:.3f}" for each in (found.b_cubed_precision, found.b_cubed_recall, found.b_cubed_f)),
            *(f"{each:.1f}" for each in (found.split_people, found.mixed_ids, row.named, row.named_wrongly)),
        )
    context.print(table)

"""`calibrate --check`: promised against measured rates, on people whom the statistics do not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.thresholds import ceiling, four_digits, needed_strangers, percent

if TYPE_CHECKING:
    from engines.arrays import F32, F64, I64, Bools
    from engines.evaluation.face_set import FaceSet
    from engines.strangers import Strangers

MAX_PEOPLE = 6000
"""of a larger set these many are drawn: the matrix of their distances takes 144 MB"""
MAX_MATES = 4
"""photos of one person that search for them"""
MIN_STRANGERS = 50
GROUP_SIZES = (10, 100)
"""people in galleries out of one group"""


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """Which galleries are drawn."""

    sizes: tuple[int, ...]
    draws: int
    groups: int
    """of people who are alike; 0: none"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One gallery, or the means of several."""

    max_distance: float
    """squared L2 that was derived"""
    likeness: float
    promised: float
    measured: float
    """strangers nearer than the distance"""
    by_size: float
    """nearer than a distance for the gallery's size alone, its own pairs not looked at"""
    named: float
    """by the whole rule, margin included"""
    missed: float | None
    """photos of enrolled people that did not get their name, by the whole rule; None where nobody has two photos"""
    at_large: float | None
    """of a group's galleries: measured on strangers of all the other groups"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Draw):
    """Galleries of one size, out of everybody or of one group; means over the draws."""

    gallery: str
    """any, or the group"""
    people: int
    strangers: int
    """who search each gallery; of its own group where it is of one"""
    draws: int
    lowest: float
    """measured, of the draws"""
    highest: float


@dataclass(frozen=True, slots=True)
class Held:
    """People held out: one photo each to be enrolled or a stranger, their others to be recognised."""

    names: tuple[str, ...]
    vectors: F32
    """(P, D) one a person"""
    between: F32
    """(P, P) squared L2"""
    mates: F32
    """(M, P) squared L2 of their other photos to everybody's first"""
    mate_of: I64
    """(M,) whose"""


def run_check(context: Context, faces: FaceSet, plan: CheckPlan) -> None:
    """Draw galleries, calibrate each, and print promised against measured.

    Raises EvaluationError where the set has too few people for the smallest gallery.
    """
    strangers = needed_strangers(context.config, context.data)
    held = held_out(faces)
    rows = list(check(context, strangers, held, plan))
    if context.json:
        for row in rows:
            values = {
                name: four_digits(value) if isinstance(value, float) else value
                for name, value in asdict(row).items()
            }
            context.print_json({name: values[name] for name in ("gallery", "people")} | values)
        any_rows = [row for row in rows if row.gallery == "any"]
        context.print_json(
            {
                "people": len(held.names),
                "max_fpir": context.config.matching.max_fpir,
                "statistics": strangers.source,
                "worst_ratio": four_digits(max(_times_off(row) for row in any_rows)),
            }
        )
    else:
        show(context, rows)


def held_out(faces: FaceSet) -> Held:
    """The people of a set with a face: a photo of each, and the others of those who have more."""
    import numpy as np

    from engines.evaluation.verification import distance_matrix

    rows = np.flatnonzero(faces.found)
    names = np.array(faces.people)[rows]
    order = np.argsort(names, kind="stable")
    people, begins = np.unique(names[order], return_index=True)
    if len(people) > MAX_PEOPLE:
        drawn = np.sort(np.random.default_rng(0).choice(len(people), MAX_PEOPLE, replace=False))
    else:
        drawn = np.arange(len(people))
    theirs = np.split(rows[order], begins[1:])
    first = np.array([theirs[person][0] for person in drawn], np.int64)
    others = [theirs[person][1 : 1 + MAX_MATES] for person in drawn]
    mates = np.concatenate(others).astype(np.int64)
    vectors = faces.vectors[first]
    return Held(
        names=tuple(people[drawn].tolist()),
        vectors=vectors,
        between=distance_matrix(vectors, vectors),
        mates=distance_matrix(faces.vectors[mates], vectors),
        mate_of=np.repeat(np.arange(len(drawn)), [len(each) for each in others]).astype(np.int64),
    )


def check(context: Context, strangers: Strangers, held: Held, plan: CheckPlan) -> Iterator[Row]:
    """A row a size, then rows for groups of people who are alike. Raises EvaluationError."""
    import numpy as np

    everybody = np.arange(len(held.names))
    sizes = drawable_sizes(context, plan.sizes, len(everybody))
    work = [("any", everybody, size) for size in sizes]
    if plan.groups:
        kinds = alike_groups(held.vectors, plan.groups)
        for kind in range(plan.groups):
            members = np.flatnonzero(kinds == kind)
            work += [
                (f"group {kind + 1}", members, size)
                for size in GROUP_SIZES
                if size <= len(members) - MIN_STRANGERS
            ]
    with context.progress() as bars:
        for gallery, members, size in bars.track(work, description="drawing galleries"):
            yield measured(context, strangers, held, gallery, members, size, plan.draws)


def drawable_sizes(context: Context, sizes: Sequence[int], people: int) -> list[int]:
    """Those sizes of galleries that leave strangers; the others are told of. Raises EvaluationError for none."""
    from engines.errors import EvaluationError

    most = people - MIN_STRANGERS
    if min(sizes) > most:
        remedy = f"name sizes up to {most}, or a larger set" if most > 0 else "give a larger set"
        raise EvaluationError(
            f"--sizes: the set has {people} people, and {MIN_STRANGERS} must be left as strangers; {remedy}"
        )
    for skipped in sizes:
        if skipped > most:
            context.say(f"a gallery of {skipped} is not drawn: the set has {people} people")
    return [size for size in sizes if size <= most]


def alike_groups(vectors: F32, groups: int) -> I64:
    """Which group each person (P,) is in, by k-means of their vectors: people of one look."""
    import numpy as np
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(groups, n_init=3, random_state=0).fit(vectors).labels_, np.int64)


def measured(
    context: Context, strangers: Strangers, held: Held, gallery: str, members: I64, size: int, draws: int
) -> Row:
    """Galleries of `size` drawn from the members, calibrated each; the other members are strangers."""
    import numpy as np

    found = []
    for draw in range(draws):
        order = np.random.default_rng((draw, size)).permutation(members)
        found.append(drawn(context, strangers, held, order[:size], order[size:]))

    def mean(name: str) -> float | None:
        values = [value for each in found if (value := getattr(each, name)) is not None]
        return float(np.mean(values)) if values else None

    rates = [each.measured for each in found]
    return Row(
        gallery=gallery,
        people=size,
        strangers=len(members) - size,
        draws=draws,
        lowest=min(rates),
        highest=max(rates),
        **{field.name: mean(field.name) for field in fields(Draw)},  # type: ignore[arg-type]
    )


def drawn(context: Context, strangers: Strangers, held: Held, enrolled: I64, others: I64) -> Draw:
    """One gallery, calibrated, and what happens in it."""
    import numpy as np

    from pipeline.gallery.calibration import calibrated, own_pairs

    most = ceiling(context.config, strangers)
    keys = context.config.matching
    own = own_pairs([held.names[person] for person in enrolled], held.vectors[enrolled])
    made = calibrated(strangers, own, keys.max_fpir, most)
    unseen = replace(own, distances=own.distances[:0], nearest=())
    by_size = calibrated(strangers, unseen, keys.max_fpir, most).max_distance
    nearest = _two_nearest(held.between, others, enrolled)
    members = np.concatenate([enrolled, others])
    elsewhere = np.setdiff1d(np.arange(len(held.names)), members)
    far = _two_nearest(held.between, elsewhere, enrolled)[:, 0]
    return Draw(
        max_distance=made.max_distance,
        likeness=made.likeness,
        promised=made.promised_fpir,
        measured=float(np.mean(nearest[:, 0] < made.max_distance)),
        by_size=float(np.mean(nearest[:, 0] < by_size)),
        named=float(np.mean(_named(nearest, made.max_distance, keys.min_margin))),
        missed=_missed(held, enrolled, made.max_distance, keys.min_margin),
        at_large=float(np.mean(far < made.max_distance)) if len(far) else None,
    )


def _two_nearest(distances: F32, rows: I64, columns: I64) -> F64:
    """The two smallest distances (N, 2) of each row; inf where there is no second."""
    import numpy as np

    picked = distances[np.ix_(rows, columns)].astype(np.float64)
    if picked.shape[1] == 1:
        picked = np.concatenate([picked, np.full_like(picked, np.inf)], axis=1)
    return np.asarray(np.partition(picked, 1, axis=1)[:, :2], np.float64)


def _named(nearest: F64, distance: float, margin: float) -> Bools:
    """Who gets a name (N,), by pipeline.gallery.decision's rule, from the two nearest people (N, 2)."""
    import numpy as np

    return np.asarray((nearest[:, 0] < distance) & (nearest[:, 1] - nearest[:, 0] >= margin), np.bool_)


def _missed(held: Held, enrolled: I64, distance: float, margin: float) -> float | None:
    """The share of enrolled people's other photos without their own name; None where there are none."""
    import numpy as np

    place = np.full(len(held.names), -1)
    place[enrolled] = np.arange(len(enrolled))
    searching = np.flatnonzero(place[held.mate_of] >= 0)
    if not len(searching):
        return None
    own = held.mates[searching, held.mate_of[searching]].astype(np.float64)
    nearest = _two_nearest(held.mates, searching, enrolled)
    right = _named(nearest, distance, margin) & (own == nearest[:, 0])
    return float(1.0 - np.mean(right))


def _times_off(row: Row) -> float:
    """How many times the measured rate is above or below the promised."""
    low, high = sorted((max(row.measured, 1e-9), max(row.promised, 1e-9)))
    return high / low


def show(context: Context, rows: Sequence[Row]) -> None:
    """Print the proof."""
    from rich.table import Table

    table = Table("gallery", "people", "distance", "promised", "measured", "draws")
    for title in ("by size alone", "with margin", "missed", "at large"):
        table.add_column(title)
    for row in rows:
        table.add_row(
            row.gallery,
            str(row.people),
            f"{row.max_distance:.3f}",
            percent(row.promised),
            percent(row.measured),
            f"{percent(row.lowest)} to {percent(row.highest)}",
            percent(row.by_size),
            percent(row.named),
            "" if row.missed is None else percent(row.missed),
            "" if row.at_large is None else percent(row.at_large),
        )
    context.print(table)
    context.print(
        "measured: strangers nearer than the distance; by size alone: than one for which the gallery's own pairs were "
        "not looked at; with margin: those who get a name; missed: other photos of enrolled people without theirs; "
        "a group: people who look alike, met by strangers who do, and (at large) by all others"
    )

"""What `evaluate identification` prints: a JSON line or a column an index, and how galleries were drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.evaluations.gallery_search import NamingRule

if TYPE_CHECKING:
    from engines.evaluation.face_set import FaceSet
    from engines.evaluation.gallery_split import GallerySplit
    from engines.evaluation.identification import Figures, Searches, Spread

EXACT = "exact"
"""the index that the others are held to"""
FPIRS = (0.003, 0.01, 0.1)
"""0.3 % is what NIST's FRTE 1:N reports, 1 % what `matching.max_fpir` promises by default"""
RANKS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Plan:
    """How galleries are drawn."""

    people: int
    """enrolled in each"""
    templates: int
    """photos of each at most"""
    draws: int
    seed: int


@dataclass(frozen=True, slots=True)
class Draw:
    """One gallery, searched through one index."""

    index: str
    split: GallerySplit
    searches: Searches
    rule: NamingRule
    """by which names were given"""
    lost: int
    """mated searches whose mate comes first in exact search, and not in this one"""


@dataclass(frozen=True, slots=True)
class IndexFigures:
    """One index over all draws."""

    index: str
    figures: Figures
    lost: Spread


@dataclass(frozen=True, slots=True)
class About:
    """What was searched. Counts of templates and searches are of one draw, in the mean."""

    people: int
    photos: int
    detection_failures: int
    gallery_people: int
    gallery_templates: float
    distractors: int
    """people of the gallery who fill it up"""
    mated_searches: float
    non_mated_searches: float
    same_video_left_out: float
    draws: int
    seed: int
    rule_max_fpir: float | None
    """that the rule promises; None where matching.max_distance gives its distance"""
    rule_max_distance: float
    """squared L2, of one draw in the mean"""
    rule_min_margin: float
    """squared L2"""


def over(draws: Sequence[Draw]) -> IndexFigures:
    """One index's draws, at least one, in one. Raises EvaluationError."""
    from engines.evaluation.identification import figures, spread

    found = figures([draw.searches for draw in draws], FPIRS, RANKS)
    return IndexFigures(draws[0].index, found, spread([draw.lost for draw in draws]))


def about(
    context: Context, faces: FaceSet, filling: FaceSet | None, plan: Plan, draws: Sequence[Draw]
) -> About:
    """What was searched in these draws of one index."""
    matching = context.config.matching
    splits = [draw.split for draw in draws]
    fill_up = 0 if filling is None else len(set(filling.people))
    return About(
        people=len(set(faces.people)),
        photos=len(faces),
        detection_failures=int((~faces.found).sum()),
        gallery_people=plan.people + fill_up,
        gallery_templates=mean([len(split.templates) for split in splits])
        + (0 if filling is None else len(filling)),
        distractors=fill_up,
        mated_searches=mean([split.mated for split in splits]),
        non_mated_searches=mean([len(split.probes) - split.mated for split in splits]),
        same_video_left_out=mean([split.same_video for split in splits]),
        draws=plan.draws,
        seed=plan.seed,
        rule_max_fpir=matching.max_fpir if matching.max_distance is None else None,
        rule_max_distance=round(sum(draw.rule.max_distance for draw in draws) / len(draws), 4),
        rule_min_margin=matching.min_margin,
    )


def mean(counts: Sequence[int]) -> float:
    """To one decimal."""
    return round(sum(counts) / len(counts), 1)


def report(context: Context, searched: About, indexes: Sequence[IndexFigures]) -> None:
    """Print it: with --json a line an index, then one object of the whole with the first index's figures."""
    enough = math.ceil(1.0 / min(FPIRS))
    if searched.non_mated_searches < enough:
        context.say(
            f"fewer than {enough} non-mated searches: FPIR {min(FPIRS):.1%} is less than one of them, "
            "so the threshold there allows none; give more people"
        )
    if context.json:
        for each in indexes:
            context.print_json({"index": each.index, **document(each)})
        context.print_json({**asdict(searched), **document(indexes[0])})
    else:
        context.print(words(searched))
        print_table(context, searched, indexes)


def document(each: IndexFigures) -> dict[str, float | None]:
    """The figures as JSON keys: X is the mean over the draws, X_sd the standard deviation."""
    found = each.figures
    spreads: dict[str, Spread] = {}
    for point in found.points:
        for name in ("fnir", "threshold"):
            spreads[f"{name}_at_fpir_{exponent(point.max_fpir)}"] = getattr(point, name)
    spreads |= {f"dir_at_rank_{each.rank}": each.dir for each in found.ranks}
    spreads |= {name: getattr(found, name) for name in ("rule_fpir", "rule_fnir", "rule_misnamed")}
    spreads["mates_lost"] = each.lost
    shown: dict[str, float | None] = {}
    for name, value in spreads.items():
        shown[name] = round(value.mean, 4)
        shown[f"{name}_sd"] = None if value.sd is None else round(value.sd, 4)
    for point in found.points:  # the same figure under its other name
        shown[f"dir_at_fpir_{exponent(point.max_fpir)}"] = round(1.0 - point.fnir.mean, 4)
    return shown


def exponent(rate: float) -> str:
    """3e-3 for 0.003."""
    digits, power = f"{rate:e}".split("e")
    return f"{float(digits):g}e{int(power)}"


def words(searched: About) -> str:
    """How galleries were drawn, in three lines."""
    return (
        f"{searched.gallery_people:,} people enrolled with {searched.gallery_templates:,g} templates, "
        f"{searched.distractors:,} of them to fill the gallery; drawn {searched.draws} times from "
        f"{searched.people:,} people with {searched.photos:,} photos, {searched.detection_failures} without a face, "
        "which find nobody.\n"
        f"A draw has {searched.mated_searches:,g} mated and {searched.non_mated_searches:,g} non-mated searches. "
        "Who is enrolled and has no further photo is in the gallery without a mate; who is not enrolled searches "
        f"with every photo. {searched.same_video_left_out:g} frames were left out that are from a template's video.\n"
        "Approximate indexes approximate from the first template on; cameras search small galleries exactly."
    )


def print_table(context: Context, searched: About, indexes: Sequence[IndexFigures]) -> None:
    """A column an index."""
    from rich.table import Table

    found = [each.figures for each in indexes]
    table = Table("mean ± sd of the draws", *(each.index for each in indexes))
    for row, rate in enumerate(FPIRS):
        table.add_row(f"FNIR at FPIR {rate:.1%}", *(percent(each.points[row].fnir) for each in found))
        table.add_row("    threshold", *(f"{each.points[row].threshold.mean:.3f}" for each in found))
    for row, rank in enumerate(RANKS):
        table.add_row(f"DIR at rank {rank}, no threshold", *(percent(each.ranks[row].dir) for each in found))
    rule = f"below {searched.rule_max_distance:.2f} and {searched.rule_min_margin:.2f} nearer than the second"
    table.add_row(f"names, {rule}: FPIR", *(percent(each.rule_fpir) for each in found))
    table.add_row("    FNIR", *(percent(each.rule_fnir) for each in found))
    table.add_row("    of it: named as somebody else", *(percent(each.rule_misnamed) for each in found))
    table.add_row("mates first in exact search, not here", *(f"{each.lost.mean:g}" for each in indexes))
    context.print(table)


def percent(value: Spread) -> str:
    """A rate, and its spread where there are several draws."""
    return f"{value.mean:.2%}" + ("" if value.sd is None else f" ± {value.sd:.2%}")

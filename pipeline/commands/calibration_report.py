"""What `calibrate` says about a gallery, and about the strangers that its distances are derived from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.thresholds import (
    ceiling,
    comparable_of,
    four_digits,
    naming,
    needed_strangers,
    percent,
)

if TYPE_CHECKING:
    from engines.strangers import Strangers
    from pipeline.gallery.calibration import AlikePair, Calibration, OwnPairs

RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
"""of strangers: what else could be promised"""
GROWTH = (2, 10)
FARS = (1e-2, 1e-3, 1e-4, 1e-5)
SHOWN_PAIRS = 10
NOT_KEPT = 1
"""exit code where the gallery cannot keep the rate"""


@dataclass(frozen=True, slots=True)
class GalleryReport:
    """A gallery, calibrated at the rate that is configured and at others."""

    model_id: str
    now: Calibration
    used: float
    """squared L2 that names are given below: derived, or matching.max_distance"""
    fpir_used: float
    """at that distance"""
    verification: float
    """squared L2 of one photo against another, which names never exceed"""
    rates: tuple[Calibration, ...]
    """at RATES"""
    grown: tuple[Calibration, ...]
    """at GROWTH times the people"""
    own: OwnPairs
    names: Mapping[str, str]
    """of the people, by id"""
    strangers: Strangers


def run_gallery(context: Context) -> int:
    """Print what the gallery as it is comes to; the exit code.

    Raises BadInputError where there are no statistics, and what the gallery raises.
    """
    report = examine(context)
    if context.json:
        context.print_json(document(report))
    else:
        show(context, report)
    return 0 if report.now.obstacle is None else NOT_KEPT


def examine(context: Context) -> GalleryReport:
    """Calibrate the gallery as it is on disk; no network is opened."""
    from pipeline.assemble.gallery import open_store
    from pipeline.gallery.calibration import calibrated, fpir_at, own_pairs

    config, data = context.config, context.data
    comparable = comparable_of(config)
    strangers = needed_strangers(config, data)
    with open_store(config, data) as store:
        contents = store.contents(comparable)
    left_out = contents.left_out(comparable)
    if left_out is not None:
        context.say(left_out)
    own = own_pairs(contents.person_ids, contents.vectors)
    most = ceiling(config, strangers)
    rate = config.matching.max_fpir
    used = naming(config, data, own).max_distance
    return GalleryReport(
        model_id=comparable[0],
        now=calibrated(strangers, own, rate, most),
        used=used,
        fpir_used=fpir_at(strangers, own, used),
        verification=most,
        rates=tuple(calibrated(strangers, own, each, most) for each in RATES),
        grown=tuple(calibrated(strangers, own.grown(factor), rate, most) for factor in GROWTH),
        own=own,
        names={one.id: one.name for one in contents.people},
        strangers=strangers,
    )


def statements(report: GalleryReport) -> list[str]:
    """What an operator must know, a line each; the first is the answer."""
    now, own = report.now, report.own
    asked = percent(now.max_fpir)
    lines = []
    if now.obstacle is None:
        lines.append(f"{asked} of strangers is kept: names are given below {now.max_distance:.2f}")
    elif now.obstacle == "alike":
        lines.append(
            f"too alike: the gallery's people are {now.likeness:.1f} times as often this near as people at large. "
            f"{asked} of strangers is kept only below {now.max_distance:.2f}, where most photos of enrolled people "
            "stay unnamed; enroll more photos a person, raise matching.max_fpir, or keep fewer people in a gallery"
        )
    else:
        lines.append(
            f"too large: with {own.people} people {asked} of strangers is kept only below {now.max_distance:.2f}, "
            "where most photos of enrolled people stay unnamed; enroll more photos a person, raise "
            "matching.max_fpir, or keep fewer people in a gallery"
        )
    if now.promised_fpir < 0.99 * now.max_fpir and own.people:
        lines.append(
            f"so few people would allow more, but names are never laxer than two photos are "
            f"({report.verification:.2f}): {percent(now.promised_fpir)} of strangers"
        )
    if report.used != now.max_distance:
        lines.append(
            f"matching.max_distance {report.used:.2f} is set and taken instead: "
            f"{percent(report.fpir_used)} of strangers"
        )
    if now.continued and own.people:
        lines.append(
            f"a distance so small was met by too few of the {report.strangers.pairs:,} pairs of strangers to count: "
            "the rate there is an upper estimate"
        )
    if own.sampled < own.people:
        lines.append(f"how alike they are was looked at on {own.sampled} of {own.people} people")
    return lines


def show(context: Context, report: GalleryReport) -> None:
    """Print it for people."""
    from rich.table import Table

    now, own = report.now, report.own
    context.print(f"people: {own.people}, templates: {own.templates} of {report.model_id}")
    if not own.people:
        context.print(
            f"nobody is enrolled with {report.model_id}, so everybody is unknown; see 'enroll --help'"
        )
        return
    for line in statements(report):
        context.print(line)
    table = Table("strangers named", "people", "distance", "photos recognised")
    for row, people in [
        *((each, own.people) for each in report.rates),
        *((each, each.people) for each in report.grown),
    ]:
        table.add_row(percent(row.max_fpir), f"{people}", f"{row.max_distance:.2f}", share(row.recognised))
    context.print(table)
    context.print(
        "photos recognised: of one photo against one other of the same person, as press photographs are; several "
        "templates and several frames find more"
    )
    for pair in now.alike[:SHOWN_PAIRS]:
        context.print(f"alike: {told(report, pair)}")
    if len(now.alike) > SHOWN_PAIRS:
        context.print(f"and {len(now.alike) - SHOWN_PAIRS} more pairs nearer than {now.max_distance:.2f}")


def told(report: GalleryReport, pair: AlikePair) -> str:
    """A pair in words."""
    about = "; perhaps one person under two names" if pair in report.now.one_person else ""
    return f"{report.names[pair.a]} and {report.names[pair.b]}, distance {pair.distance:.2f}{about}"


def share(recognised: float | None) -> str:
    """A share for a table."""
    return "not known" if recognised is None else f"about {100 * recognised:.0f} %"


def document(report: GalleryReport) -> dict[str, object]:
    """The JSON line."""
    now, own = report.now, report.own
    return {
        "model_id": report.model_id,
        "people": own.people,
        "templates": own.templates,
        **_at(now),
        "kept": now.obstacle is None,
        "obstacle": now.obstacle,
        "likeness": round(now.likeness, 4),
        "continued": now.continued,
        "used_distance": report.used,
        "used_fpir": four_digits(report.fpir_used),
        "verification_distance": report.verification,
        "said": statements(report),
        "rates": [_at(each) for each in report.rates],
        "grown": [{"people": each.people, **_at(each)} for each in report.grown],
        "alike": [
            {
                "a": {"id": pair.a, "name": report.names[pair.a]},
                "b": {"id": pair.b, "name": report.names[pair.b]},
                "distance": round(pair.distance, 4),
                "one_person": pair in now.one_person,
            }
            for pair in now.alike
        ],
        "sampled": own.sampled,
        "strangers": {
            "source": report.strangers.source,
            "people": report.strangers.people,
            "pairs": report.strangers.pairs,
        },
    }


def _at(found: Calibration) -> dict[str, object]:
    return {
        "max_fpir": found.max_fpir,
        "max_distance": found.max_distance,
        "promised_fpir": four_digits(found.promised_fpir),
        "recognised": None if found.recognised is None else round(found.recognised, 4),
    }


def show_strangers(context: Context, found: Strangers, without_face: int, path: Path) -> None:
    """Print what the statistics say about two photos, and where they are."""
    from rich.table import Table

    rows = [(far, found.distance_at(far), found.recognised(found.distance_at(far))) for far in FARS]
    if context.json:
        context.print_json(
            {
                "file": str(path),
                "model_id": found.model_id,
                "people": found.people,
                "photos": found.photos,
                "without_face": without_face,
                "pairs": found.pairs,
                "same_pairs": found.same_pairs,
                "far": [
                    {"far": far, "distance": round(distance, 4), "val": val and round(val, 4)}
                    for far, distance, val in rows
                ],
            }
        )
        return
    context.print(
        f"{found.people} people, {found.photos} photos ({without_face} without a face left out): "
        f"{found.pairs:,} pairs of two people, {found.same_pairs} of one"
    )
    table = Table("two people taken for one", "distance", "one person recognised")
    for far, distance, val in rows:
        counted = "" if far >= found.lowest_rate else " (continued)"
        table.add_row(f"{far:.0e}{counted}", f"{distance:.3f}", share(val))
    context.print(table)
    context.print(f"written: {path}")

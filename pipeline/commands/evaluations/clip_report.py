"""What `evaluate sightings` prints: tables for people, JSON Lines for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engines.evaluation.sightings import (
    PURE,
    Called,
    Ending,
    JudgedSighting,
    Rate,
    Said,
    SightingCounts,
    count_sightings,
)
from pipeline.commands.context import Context
from pipeline.commands.evaluations.clip_watching import ClipSighting, Unseen

DECIMALS = 4


class Kind(StrEnum):
    """Whose sightings are counted together."""

    ENROLLED = "enrolled"
    """everybody is enrolled: their sightings"""
    STRANGERS = "strangers"
    """everybody is enrolled: the sightings of those whom nobody knows"""
    LEFT_OUT = "left out"
    """everybody but one is enrolled: the sightings of that one, each in turn"""


@dataclass(frozen=True, slots=True)
class Group:
    """Sightings that are counted together."""

    kind: Kind
    distractors: int
    """of the people enrolled, those of another set"""
    people: int
    """enrolled in all"""
    sightings: tuple[ClipSighting, ...]
    unseen: tuple[Unseen, ...]
    """enrolled people in a clip without any sighting: no face of theirs was found and followed"""
    runs: int
    """runs of the pipeline that this took, besides those of the groups before"""

    @property
    def counts(self) -> SightingCounts:
        """What became of them."""
        return count_sightings(one.judged for one in self.sightings)


def print_tables(context: Context, groups: Sequence[Group]) -> None:
    """One row a group, then what went wrong, a line each, and how far to trust it."""
    from rich.table import Table

    table = Table(
        *("whose", "gallery", "sightings", "named right", "no name", "named wrong", "ever named wrong"),
        *("names given", "withdrawn", "wrong stood", "right after"),
    )
    for group in groups:
        table.add_row(f"{group.kind}", str(group.people), str(group.counts.sightings), *_cells(group.counts))
    context.print(table)
    for group in groups:
        where = f"{group.kind}, {group.people} enrolled"
        for one in group.sightings:
            if _is_worth_a_look(one.judged):
                context.print(f"{where}: {_story(one)}")
        for missing in group.unseen:
            context.print(f"{where}: {missing.who} is in {missing.clip} and has no sighting")
    context.print(_caution(groups))


def _cells(counts: SightingCounts) -> tuple[str, ...]:
    stood = f"{counts.wrong_s:.1f} s" if counts.names_wrong else "–"
    after = "–" if counts.right_after_s is None else f"{counts.right_after_s:.1f} s"
    return (
        _rate(counts.right),
        str(counts.missed.count + counts.unknown.count),
        str(counts.wrong.count),
        _rate(counts.ever_wrong),
        f"{counts.names_given}, {counts.names_wrong} wrong",
        f"{counts.right_withdrawn} right, {counts.wrong_withdrawn} wrong",
        stood,
        after,
    )


def _rate(rate: Rate) -> str:
    """`13/14 (0.69–0.99)`."""
    if not rate.of:
        return "–"
    interval = rate.interval()
    return f"{rate.count}/{rate.of} ({interval.low:.2f}–{interval.high:.2f})"


def _is_worth_a_look(judged: JudgedSighting) -> bool:
    """Whether something went wrong with a sighting at any moment."""
    failed = judged.ending is Ending.MISSED or Called.WRONG in judged.given
    return failed or bool(judged.withdrawn) or judged.purity < PURE


def _story(one: ClipSighting) -> str:
    """Whom a sighting was taken for, in order, and how near the nearest person was in the end."""
    judged = one.judged
    names = " → ".join(f"{said.name or 'nobody'} at {said.pts_s:.1f} s" for said in _changes(judged.said))
    mixed = "" if judged.purity >= PURE else f" ({judged.purity:.0%} of its faces)"
    near = "" if one.distance is None else f"; distance {one.distance:.2f} of {one.threshold:.2f}"
    return f"{one.clip} #{one.number}, {judged.person or 'nobody'}{mixed}: {names}{near}"


def _changes(said: Sequence[Said]) -> list[Said]:
    """The events at which the name was another than before, the first one too."""
    return [one for n, one in enumerate(said) if n == 0 or one.name != said[n - 1].name]


def _caution(groups: Sequence[Group]) -> str:
    clips = len({one.clip for group in groups for one in group.sightings})
    sightings = max((group.counts.sightings for group in groups), default=0)
    return (
        f"in brackets: 95 % intervals (Wilson). At most {sightings} sightings a row, from {clips} clips: few, and "
        "those of one clip go together, so that the truth may lie further out still"
    )


def print_json(context: Context, groups: Sequence[Group]) -> None:
    """A line a sighting, and one at the end with the counts of every group."""
    for group in groups:
        for one in group.sightings:
            context.print_json(sighting_document(group, one))
    context.print_json({"groups": [group_document(group) for group in groups]})


def sighting_document(group: Group, one: ClipSighting) -> dict[str, object]:
    """One sighting's line."""
    judged = one.judged
    return {
        "kind": group.kind.value,
        "distractors": group.distractors,
        "people": group.people,
        "clip": one.clip,
        "sighting": one.number,
        "person": judged.person,
        "enrolled": judged.enrolled,
        "faces": one.faces,
        "purity": round(judged.purity, DECIMALS),
        "from_s": round(judged.from_s, DECIMALS),
        "to_s": round(judged.said[-1].pts_s, DECIMALS),
        "names": [{"at_s": round(s.pts_s, DECIMALS), "name": s.name} for s in _changes(judged.said)],
        "distance": None if one.distance is None else round(one.distance, DECIMALS),
        "threshold": round(one.threshold, DECIMALS),
        "ending": judged.ending.value,
        "withdrawn": [{"name": w.name.value, "then": w.then.value} for w in judged.withdrawn],
        "wrong_s": round(judged.wrong_s, DECIMALS),
        "wrong_frames": judged.wrong_frames,
        "right_after_s": None if judged.right_after_s is None else round(judged.right_after_s, DECIMALS),
    }


def group_document(group: Group) -> dict[str, object]:
    """One group's counts."""
    counts = group.counts
    rates = {name: getattr(counts, name) for name in ("right", "wrong", "missed", "unknown", "ever_wrong")}
    return {
        "kind": group.kind.value,
        "distractors": group.distractors,
        "people": group.people,
        "sightings": counts.sightings,
        **{name: rate_document(rate) for name, rate in rates.items()},
        "names_given": counts.names_given,
        "names_wrong": counts.names_wrong,
        "right_withdrawn": counts.right_withdrawn,
        "wrong_withdrawn": counts.wrong_withdrawn,
        "wrong_put_right": counts.wrong_put_right,
        "wrong_s": round(counts.wrong_s, DECIMALS),
        "wrong_frames": counts.wrong_frames,
        "right_after_s": None if counts.right_after_s is None else round(counts.right_after_s, DECIMALS),
        "mixed": counts.mixed,
        "unseen": [{"clip": one.clip, "person": one.who} for one in group.unseen],
    }


def rate_document(rate: Rate) -> dict[str, object]:
    """A count, what it is of, and the interval."""
    interval = rate.interval()
    return {
        "count": rate.count,
        "of": rate.of,
        "low": round(interval.low, DECIMALS),
        "high": round(interval.high, DECIMALS),
    }

"""The gates on the way to a name: what each said of one sighting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.events.why.explanation import Explanation
from pipeline.events.why.hints import IN_WORDS
from pipeline.events.why.shortfall import SPOILED, Facts, Near, Reason

CLEAR, COMPARED, NEAR, NEARER, ENOUGH, FREE = (
    "clear enough",
    "somebody to compare with",
    "near enough",
    "nearer than the second",
    "enough shots",
    "the name is free",
)

_GATE_OF = {
    **dict.fromkeys((*SPOILED, Reason.UNCLEAR), CLEAR),
    Reason.EMPTY_GALLERY: COMPARED,
    Reason.EMPTY_WATCHLIST: COMPARED,
    Reason.NOT_COMPARABLE: COMPARED,
    Reason.TOO_FAR: NEAR,
    Reason.MARGIN_TOO_SMALL: NEARER,
    Reason.FEW_SHOTS: ENOUGH,
    Reason.ENDED_EARLY: ENOUGH,
    Reason.NAME_TAKEN: FREE,
}


@dataclass(frozen=True, slots=True)
class Gate:
    """What one gate on the way to a name said."""

    name: str
    passed: bool | None
    """None: it was not reached"""
    said: str


def gates(why: Explanation) -> tuple[Gate, ...]:
    """What the gates said, in the order of the pipeline; those behind the one that failed are not reached."""
    short = why.shortfall
    failed = None if short is None else _GATE_OF[short.reason]
    told: list[Gate] = []
    reached = True
    for name, said in _said(why):
        passed = name != failed if reached else None
        told.append(Gate(name, passed, said if passed is not None or name != FREE else ""))
        reached = reached and name != failed
    return tuple(told)


def _said(why: Explanation) -> Iterator[tuple[str, str]]:
    """What there is to say at each gate, whether it was reached or not."""
    facts = why.facts
    limits, margin = facts.limits, facts.margin
    yield CLEAR, _clear(why)
    yield COMPARED, _compared(facts)
    near = f"needs below {limits.max_distance:.3f}"
    if why.shortfall is None and facts.nearest and facts.nearest[0].distance >= limits.max_distance:
        near += f", and a name once given is kept {limits.keep_margin:.3f} beyond"
    yield NEAR, f"{_at(facts.nearest[0])}, {near}" if facts.nearest else near
    if margin is None:
        yield NEARER, "there is no second"
    else:
        yield NEARER, f"{_at(facts.nearest[1])}, {margin:.3f} farther, needs {limits.min_margin:.3f}"
    few = why.shortfall is None and facts.shots < limits.min_shots
    enough = f"needs {limits.min_shots}{', or what there is when it ends' if few else ''}"
    yield ENOUGH, f"{facts.shots}, {enough}; seen for {facts.seen_s:.1f} s"
    taken = why.shortfall is not None and why.shortfall.reason is Reason.NAME_TAKEN
    yield FREE, f"{'somebody' if taken else 'nobody'} else who was in the picture has it"


def _clear(why: Explanation) -> str:
    facts, best = why.facts, why.facts.best
    shots = counted(facts.shots, "shot")
    if best is None:
        return f"no look was judged; {shots} compared"
    said = f"quality {best.quality:.2f}, needs {facts.limits.min_quality:.2f}; {shots} compared"
    short = why.shortfall
    if short is None or not facts.shots or short.reason not in SPOILED or short.limit is None:
        return said
    # Embedded, but so bad that the distance may be the picture's fault (shortfall.shortfall_of).
    missed = (short.measured or 0.0) - short.limit
    return (
        f"{said}; {IN_WORDS[short.reason]}, which may be all of the {missed:.3f} that the distance is too far"
    )


def _compared(facts: Facts) -> str:
    if not facts.shots:
        return "there is nothing to compare"
    if facts.comparable is None:
        return "yes" if facts.nearest else "nobody"
    people = "1 person" if facts.people == 1 else f"{facts.people or 0} people"
    where = "on the camera's watchlists" if facts.listed else "in the gallery"
    return f"{people} {where}, {facts.comparable} with templates of this model"


def _at(near: Near) -> str:
    called = near.name or ("somebody who is gone" if near.person_id is None else near.person_id)
    return f"{called} at {near.distance:.3f}"


def counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"

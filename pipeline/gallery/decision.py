"""Who a face is, from the people nearest to it: the one rule that `identify` and every sighting follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.types import Candidate


@dataclass(frozen=True, slots=True)
class Decision:
    """What the nearest people say about one face."""

    identity: Candidate | None
    """the person who gets the name, or None for an unknown face"""
    distance: float | None
    """squared L2 in [0, 4] to the nearest person, named or not; None with an empty gallery"""
    margin: float | None
    """how much farther the second person is; None where there is none"""


def decide(candidates: Sequence[Candidate], max_distance: float, min_margin: float) -> Decision:
    """Name the nearest person if near enough and clearly nearer than the second.

    Args:
        candidates: different people, nearest first, at least two where the gallery has two: with one, the
            margin cannot be seen and does not count.
        max_distance: squared L2; a name is given only below it.
        min_margin: squared L2; a name is given only when the second person is at least this much farther.

    Raises ValueError where the candidates are not different people in order of distance.

    >>> ann, bob = Candidate("p_1", "Ann", 0.58), Candidate("p_2", "Bob", 0.61)
    >>> decide([ann, bob], max_distance=0.9, min_margin=0.08).identity is None  # too close to call
    True
    >>> decide([ann], max_distance=0.9, min_margin=0.08).identity.name
    'Ann'
    """
    if not candidates:
        return Decision(None, None, None)
    nearest = candidates[0]
    margin = None
    if len(candidates) > 1:
        if candidates[1].person_id == nearest.person_id:
            raise ValueError(f"candidates must be different people, got {nearest.person_id} twice")
        margin = candidates[1].distance - nearest.distance
        if margin < 0.0:
            raise ValueError(
                f"candidates must come nearest first, got {nearest.distance} before {candidates[1].distance}"
            )
    named = nearest.distance < max_distance and (margin is None or margin >= min_margin)
    return Decision(nearest if named else None, nearest.distance, margin)


def assign_names(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """The decisions on the faces of one image or frame, with no person named twice.

    Where several faces were given one name, the nearest keeps it, the first row on a tie. The others become
    unknown and do not fall back on their second person: a face that was mistaken for one person of the
    gallery is no evidence for another.
    """
    keeper: dict[str, int] = {}
    for row, decision in enumerate(decisions):
        if decision.identity is None:
            continue
        rival = keeper.get(decision.identity.person_id)
        if rival is None or _distance(decision) < _distance(decisions[rival]):
            keeper[decision.identity.person_id] = row
    keep = set(keeper.values())
    return tuple(
        decision if decision.identity is None or row in keep else replace(decision, identity=None)
        for row, decision in enumerate(decisions)
    )


def _distance(decision: Decision) -> float:
    assert decision.identity is not None
    return decision.identity.distance

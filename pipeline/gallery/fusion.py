"""How far away a person with several templates is: as the nearest of them, or as their mean where that is nearer.

A mean is less noisy than any of its photos, the nearest photo looks the most like the probe: neither is best alone,
and the smaller of both distances missed up to a third fewer people than the nearest template at the same rate of
strangers named (docs/gallery.md, "Templates"). The mean is no entry of the index. It is made of the few people
whom a search found nearest, from the templates that the index holds, so that there is nothing to keep up to date.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.memory.roster import Ownership, Roster
from pipeline.gallery.vectors import MAX_DISTANCE, squared_l2
from pipeline.types import Candidate

FUSED_PEOPLE = 2
"""whose means are looked at: who is nearest by a template, and the second. Looking at four, ten or everybody named
the same people, on galleries of 150 to 1,000. As the others are not looked at, who comes first does not depend on
how many people were asked for"""
NO_DIRECTION = 1e-6
"""length of a mean that is rounding alone"""


@dataclass(frozen=True, slots=True)
class Several:
    """The templates of those who have more than one."""

    labels: I64 = field(repr=False)
    """(N,) a person's together, ascending among themselves"""
    owners: I64 = field(repr=False)
    """(N,) ascending numbers of people"""

    @classmethod
    def of(cls, owned: Ownership, counts: I64) -> Self:
        """`counts`: (P,) how many templates each person has."""
        rows = np.flatnonzero(counts[owned.owners] > 1)
        rows = rows[np.argsort(owned.owners[rows], kind="stable")]
        return cls(owned.labels[rows], owned.owners[rows])

    def of_person(self, number: int) -> I64:
        """Labels of this person's templates (M,), ascending; none where they have only one."""
        first, last = np.searchsorted(self.owners, (number, number + 1))
        return self.labels[first:last]


def mean_distance(probe: F32, vectors: F32) -> float:
    """Squared L2 from a unit probe (D,) to the mean direction of at least one unit vector (M, D), in [0, 4].

    4 where they cancel out, so that there is no direction.
    """
    mean = np.mean(vectors, axis=0, keepdims=True, dtype=np.float64)
    length = np.linalg.norm(mean, axis=1)
    if length[0] < NO_DIRECTION:
        return MAX_DISTANCE
    return float(squared_l2(probe, (mean / length).astype(np.float32))[0])


def fused(
    probe: F32, candidates: tuple[Candidate, ...], several: Several, roster: Roster, index: Index
) -> tuple[Candidate, ...]:
    """People, nearest first by a template each, as far away as they are with all their templates, nearest first.

    Where templates are no longer in the index, as beside a writer, all stay as far away as they were: the answer is of
    a version that is no longer shown, and is asked for again.

    Args:
        probe: (D,) of unit length.
        candidates: at least FUSED_PEOPLE, where there are so many.
    """
    looked_at = candidates[:FUSED_PEOPLE]
    theirs = [several.of_person(roster.number(one.person_id)) for one in looked_at]
    ends = np.cumsum([len(labels) for labels in theirs])
    if not ends.any():
        return candidates
    try:
        vectors = index.vectors(np.concatenate(theirs))
    except KeyError:
        return candidates
    together = [
        replace(one, distance=min(one.distance, mean_distance(probe, vectors[end - len(labels) : end])))
        if len(labels)
        else one
        for one, labels, end in zip(looked_at, theirs, ends.tolist(), strict=True)
    ]
    together.sort(key=lambda one: (one.distance, one.person_id))
    return (*together, *candidates[FUSED_PEOPLE:])

"""How well the ids that unknown people were given agree with the people: how many ids a person has, and whose they are.

Purity is the share of sightings whose id is mostly of sightings of their person: what is right if every id is taken for
the person it is of most often (Manning, Raghavan and Schuetze, 2008, section 16.3). An id of one sighting is pure, so
purity alone can be bought with an id a sighting: it is told with the ids a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from engines.arrays import Bools
from engines.errors import EvaluationError
from engines.evaluation.clustering import cluster_quality


@dataclass(frozen=True, slots=True)
class StrangerAgreement:
    """Ids held against the people. The mean of several plays has means, also of counts."""

    sightings: float
    people: float
    ids: float
    ids_per_person: float
    """the mean over people; 1 is perfect"""
    split_people: float
    """people with several ids"""
    mixed_ids: float
    """ids of several people"""
    purity: float
    """share of sightings whose id is mostly their person's"""
    b_cubed_precision: float
    b_cubed_recall: float

    @property
    def b_cubed_f(self) -> float:
        """The harmonic mean of both; 0 where both are."""
        both = self.b_cubed_precision + self.b_cubed_recall
        return 2.0 * self.b_cubed_precision * self.b_cubed_recall / both if both else 0.0

    @classmethod
    def mean(cls, several: Sequence[Self]) -> Self:
        """Of at least one play."""
        return cls(**{each.name: _mean(several, each.name) for each in fields(cls)})


def stranger_agreement(
    people: Sequence[str], ids: Sequence[str], counted: Bools | None = None
) -> StrangerAgreement:
    """Hold the id of each sighting (N,) against its person (N,).

    `counted`: (N,) which sightings the figures are of; whose an id is, is decided by all. Raises EvaluationError where
    there is nothing to count.
    """
    if len(people) != len(ids):
        raise ValueError(f"people and ids must be as many, got {len(people)} and {len(ids)}")
    chosen = np.ones(len(ids), np.bool_) if counted is None else counted
    if not np.any(chosen):
        raise EvaluationError("no unknown face was seen; give photos of more people")
    person = np.unique(np.array(people), return_inverse=True)[1]
    group = np.unique(np.array(ids), return_inverse=True)[1]
    seen = np.zeros((int(group.max()) + 1, int(person.max()) + 1), np.int64)
    np.add.at(seen, (group, person), 1)
    here = np.zeros_like(seen)
    np.add.at(here, (group[chosen], person[chosen]), 1)
    ids_of_people = np.count_nonzero(here, axis=0)
    of_people = ids_of_people[ids_of_people > 0]
    used = np.any(here > 0, axis=1)
    cubed = cluster_quality(person[chosen], group[chosen]).b_cubed
    return StrangerAgreement(
        sightings=float(np.sum(chosen)),
        people=float(len(of_people)),
        ids=float(np.sum(used)),
        ids_per_person=float(np.mean(of_people)),
        split_people=float(np.sum(of_people > 1)),
        mixed_ids=float(np.sum(used & (np.count_nonzero(seen, axis=1) > 1))),
        purity=float(np.mean(np.argmax(seen, axis=1)[group[chosen]] == person[chosen])),
        b_cubed_precision=cubed.precision,
        b_cubed_recall=cubed.recall,
    )


def _mean(several: Sequence[StrangerAgreement], name: str) -> float:
    return float(np.mean([getattr(each, name) for each in several]))

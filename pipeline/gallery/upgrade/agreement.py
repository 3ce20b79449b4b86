"""Who would be recognised differently: the same faces compared with each other by two models.

Each face is asked for among all others, itself left out, by the old vectors and by the new. What it finds is judged
as a name is (pipeline.gallery.decision): the nearest person, below the distance for names, clearly nearer than the
second. The nearest template decides; a person's mean (pipeline.gallery.fusion) is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from pipeline.arrays import F32, I64, Bools, check_array, check_rows
from pipeline.gallery.vectors import MAX_DISTANCE

MOST_PROBES = 10_000
"""faces that are asked for; of more, these spread evenly over the gallery. Half a minute among 100,000 on two cores"""
IN_MEMORY = 1 << 22
"""distances held at once: 16 MB"""


class Kind(StrEnum):
    """How somebody would be recognised differently."""

    NOT_FOUND = "not_found"
    """a face of theirs finds them by the old model, and nobody by the new"""
    TAKEN = "taken"
    """a face of theirs finds somebody else by the new model, and did not by the old"""
    LOOK_ALIKE = "look_alike"
    """nearer to somebody else than names are given at, by the new model alone"""
    FOUND = "found"
    """a face of theirs finds them by the new model, and did not by the old"""
    APART = "apart"
    """nearer to somebody else than names are given at, by the old model alone"""


WORSE = frozenset({Kind.NOT_FOUND, Kind.TAKEN, Kind.LOOK_ALIKE})


@dataclass(frozen=True, slots=True)
class Rule:
    """How a model gives names."""

    max_distance: float
    """squared L2, below which a name is given"""
    min_margin: float
    """squared L2, that the second person must be farther"""


@dataclass(frozen=True, slots=True)
class Compared:
    """The same faces by two models, a row a face."""

    person_ids: tuple[str, ...]
    """(N,) whose each is"""
    old: F32 = field(repr=False)
    """(N, D) unit length"""
    new: F32 = field(repr=False)
    """(N, E) unit length"""

    def __post_init__(self) -> None:
        check_array("old", self.old, np.float32, ("N", "D"))
        check_array("new", self.new, np.float32, ("N", "E"))
        check_rows(len(self.person_ids), old=self.old, new=self.new)


@dataclass(frozen=True, slots=True)
class Difference:
    """Somebody who would be recognised differently."""

    kind: Kind
    person_id: str
    other_id: str | None
    """whom they would be taken for, or are alike; None where it is about them alone"""
    old_distance: float
    """squared L2, the smallest that it is about: to themselves where found or not, else to the other"""
    new_distance: float


@dataclass(frozen=True, slots=True)
class Found:
    """What faces find by one model."""

    asked: int
    """faces of people with more than one"""
    right: int
    """their own person"""
    wrong: int
    """somebody else; also of people with one face, who cannot find themselves"""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What would change."""

    people: int
    """compared"""
    faces: int
    """asked for"""
    old: Found
    new: Found
    differences: tuple[Difference, ...]
    """by kind, in its order, then by id"""

    @property
    def worse(self) -> frozenset[str]:
        """Ids of those whom something is worse for."""
        return frozenset(one.person_id for one in self.differences if one.kind in WORSE)

    @property
    def share(self) -> float:
        """Of the people compared, the share whom something is worse for, in [0, 1]."""
        return len(self.worse) / max(1, self.people)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What P faces find by one model, of Q people."""

    own: F32
    """(P,) squared L2 to the nearest other face of the same person; inf where there is none"""
    other: F32
    """(P,) to the nearest face of somebody else; inf where there is nobody"""
    whom: I64
    """(P,) who that is"""
    right: Bools
    """(P,) whether its own person is named"""
    wrong: Bools
    """(P,) whether somebody else is"""


def agreement(compared: Compared, old_rule: Rule, new_rule: Rule) -> Agreement:
    """Who would be recognised differently by the new vectors."""
    people, owners = np.unique(np.array(compared.person_ids, object).astype(str), return_inverse=True)
    count = len(owners)
    probes = np.unique(np.linspace(0, count - 1, min(count, MOST_PROBES)).round().astype(np.int64))
    if not count:
        return Agreement(0, 0, Found(0, 0, 0), Found(0, 0, 0), ())
    several = np.bincount(owners)[owners[probes]] > 1
    old = _look(compared.old, owners, probes, old_rule)
    new = _look(compared.new, owners, probes, new_rule)
    ids = [str(one) for one in people]
    found = [
        *_by_face(Kind.NOT_FOUND, old.right & ~new.right, owners[probes], old, new, ids),
        *_by_face(Kind.TAKEN, new.wrong & ~old.wrong, owners[probes], old, new, ids),
        *_by_face(Kind.FOUND, new.right & ~old.right, owners[probes], old, new, ids),
        *_by_pair(Kind.LOOK_ALIKE, new, new_rule, old, old_rule, owners[probes], ids),
        *_by_pair(Kind.APART, old, old_rule, new, new_rule, owners[probes], ids),
    ]
    order = list(Kind)
    found.sort(key=lambda one: (order.index(one.kind), one.person_id, one.other_id or ""))
    return Agreement(
        people=len(people),
        faces=len(probes),
        old=Found(int(several.sum()), int(old.right.sum()), int(old.wrong.sum())),
        new=Found(int(several.sum()), int(new.right.sum()), int(new.wrong.sum())),
        differences=tuple(found),
    )


def _look(vectors: F32, owners: I64, probes: I64, rule: Rule) -> _Seen:
    own = np.full(len(probes), np.inf, np.float32)
    other = np.full(len(probes), np.inf, np.float32)
    whom = np.zeros(len(probes), np.int64)
    second = np.full(len(probes), np.inf, np.float32)
    step = max(1, IN_MEMORY // len(owners))
    for start in range(0, len(probes), step):
        part = slice(start, start + step)
        rows = probes[part]
        distances = np.maximum(2.0 - 2.0 * (vectors[rows] @ vectors.T), 0.0)
        distances[np.arange(len(rows)), rows] = np.inf
        mine = owners[rows][:, None] == owners[None]
        own[part] = np.where(mine, distances, np.inf).min(axis=1)
        distances[mine] = np.inf
        nearest = np.argmin(distances, axis=1)
        other[part] = distances[np.arange(len(rows)), nearest]
        whom[part] = owners[nearest]
        distances[owners[nearest][:, None] == owners[None]] = np.inf
        second[part] = distances.min(axis=1)
    with np.errstate(invalid="ignore"):  # nobody is as far from nobody as that
        right = (own < rule.max_distance) & (other - own >= rule.min_margin)
        wrong = (other < rule.max_distance) & (np.minimum(own, second) - other >= rule.min_margin)
    return _Seen(own, other, whom, right, wrong)


def _by_face(
    kind: Kind, which: Bools, owners: I64, old: _Seen, new: _Seen, ids: Sequence[str]
) -> list[Difference]:
    """One difference a person, of the face that the new model is the farthest off with."""
    found: dict[int, Difference] = {}
    for row in np.flatnonzero(which).tolist():
        taken = kind is Kind.TAKEN
        a, b = (seen.other[row] if taken else seen.own[row] for seen in (old, new))
        one = Difference(
            kind, ids[owners[row]], ids[new.whom[row]] if taken else None, _finite(a), _finite(b)
        )
        before = found.get(int(owners[row]))
        if before is None or abs(one.new_distance - one.old_distance) > abs(
            before.new_distance - before.old_distance
        ):
            found[int(owners[row])] = one
    return list(found.values())


def _by_pair(
    kind: Kind, near: _Seen, rule: Rule, far: _Seen, far_rule: Rule, owners: I64, ids: Sequence[str]
) -> list[Difference]:
    """One difference for each of two people who are each other's nearest below the distance by one model alone."""
    there, here = _pairs(far, far_rule, owners), _pairs(near, rule, owners)
    found: list[Difference] = []
    for (a, b), distance in here.items():
        if (a, b) in there:
            continue
        rows = np.flatnonzero((owners == a) & (near.whom == b) | (owners == b) & (near.whom == a))
        apart = _finite(far.other[rows].min())
        distances = (apart, distance) if kind is Kind.LOOK_ALIKE else (distance, apart)
        found += [Difference(kind, ids[x], ids[y], *distances) for x, y in ((a, b), (b, a))]
    return found


def _pairs(seen: _Seen, rule: Rule, owners: I64) -> Mapping[tuple[int, int], float]:
    """The smallest distance of each two people whom a face has below the distance for names."""
    found: dict[tuple[int, int], float] = {}
    for row in np.flatnonzero(seen.other < rule.max_distance).tolist():
        one, two = sorted((int(owners[row]), int(seen.whom[row])))
        found[one, two] = min(float(seen.other[row]), found.get((one, two), np.inf))
    return found


def _finite(distance: np.float32) -> float:
    """A distance for people: nobody at all is as far as vectors can be."""
    return min(float(distance), MAX_DISTANCE)

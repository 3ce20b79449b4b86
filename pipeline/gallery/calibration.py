"""Below which distance a name is given, derived from the rate of strangers who may get one.

The operator states `max_fpir`: of people who are not in the gallery, the share that may be taken for somebody who
is. Two things decide the distance that keeps it.

How near strangers come to one template: the false match rate FMR(t) of the embedder, measured on many people and
shipped as a curve (engines.strangers). A stranger is compared with the whole gallery, so that

    FPIR(t) = 1 - (1 - r(t) FMR(t)) ^ comparisons

How alike the gallery's own people are: r(t). A gallery of one family, one age or one origin meets strangers of the
same kind, and they are nearer to each other than people at large. Its own pairs of two people show it: o(t) of them
are nearer than t where n FMR(t) are expected. At large distances they are many, at those that matter few or none;
but their ratio rises from 1 and settles where FMR is about 0.003 (measured on groups of LFW's people who are alike:
docs/thresholds.md). So r is estimated level by level towards small distances, each level's estimate being what is
believed of the next before its pairs are counted: with a Gamma prior of shape PRIOR and mean r(k-1),

    r(k) = (PRIOR + o(k)) / (PRIOR / r(k-1) + n FMR(k)),  r(0) = 1

Where no pairs are left to count, r stays what it was. It is never below 1: a gallery of very different people does
not make strangers different.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import Protocol, Self

import numpy as np

from pipeline.arrays import F32, F64, I64

PRIOR = 3.0
"""pairs that a level's expectation is worth. 1 to 8 keep their promise alike; less is moved by single pairs, more
sees alike people too late in a gallery of ten"""
LEVELS = 10.0 ** -np.arange(0.5, 6.0, 0.5)
"""false match rates at which own pairs are counted, from many to few"""
NEAREST_POWER = 0.8
"""the nearest of m vectors of one person is as near to a stranger as that of m^0.8 people with one: photos of one
person are alike. On people of LFW and YouTube Faces 2 photos counted for 1.7, 3 for 1.9 (of one video) to 2.5, 6
for 3.4"""
TEMPLATES_POWER = 0.9
"""the same for a person of the gallery, whose mean counts as well (pipeline.gallery.fusion). 2 photos counted for
2.1, 3 for 1.9 to 2.9, 4 for 2.7, 6 for 3.4 at FMR 0.001, and more below it"""
MAX_SAMPLED = 2000
"""people, and templates of theirs, whose pairs are looked at: 2 million pairs, a quarter of a second. Others are as
alike as these"""
MAX_ALIKE = 50
"""nearest pairs that are kept by name"""
ONE_PERSON = 0.05
"""a pair so near that this many or fewer are expected so near: one person under two names, or twins. Left out of r,
for what it says is about these two and not about the gallery"""
MAX_ONE_PERSON = 0.1
"""of the people; where more pairs than these are so near, the gallery is like that, and they count"""
RECOGNISED = 0.5
"""of an enrolled person's photos; a distance that recognises fewer is of no use"""
SETTLED_RATE = 1e-2
"""a level at which r is near what it settles at, and still counted"""


class StrangerCurve(Protocol):
    """How near strangers come to one template. engines.strangers.Strangers is one."""

    @property
    def lowest_rate(self) -> float:
        """The smallest rate that was counted; smaller ones are continued."""
        ...

    def rates_at(self, distances: F64) -> F64:
        """False match rates (N,) at these squared L2 distances (N,)."""
        ...

    def distances_at(self, rates: F64) -> F64:
        """The squared L2 distances (N,) at these rates (N,)."""
        ...

    def recognised(self, distance: float) -> float | None:
        """Share of pairs of one person's photos that are nearer; None where it is not known."""
        ...

    def same_person_distance(self, share: float) -> float | None:
        """The squared L2 distance that this share of pairs of one person's photos are nearer than."""
        ...


@dataclass(frozen=True, slots=True)
class AlikePair:
    """Two people of the gallery, and how near their nearest templates are."""

    a: str
    """id of a person"""
    b: str
    distance: float
    """squared L2"""


@dataclass(frozen=True, slots=True)
class OwnPairs:
    """How alike a gallery's people are, and with how many a stranger is compared."""

    people: int
    """who can be found"""
    templates: int
    comparisons: float
    """people, counted more than once where they have several templates"""
    sampled: int
    """people whose pairs these are; all of a small gallery"""
    distances: F32
    """(P,) ascending squared L2 of pairs of two people, a template each"""
    nearest: tuple[AlikePair, ...]
    """the pairs whose nearest templates are nearest, up to MAX_ALIKE, nearest first"""

    def grown(self, factor: float) -> Self:
        """A gallery `factor` times as large, of people as alike."""
        return replace(
            self,
            people=round(self.people * factor),
            templates=round(self.templates * factor),
            comparisons=self.comparisons * factor,
        )


class Obstacle(StrEnum):
    """Why a rate cannot be met with a distance at which people are recognised."""

    ALIKE = "alike"
    """at this size it could be, were the people as different as people at large"""
    LARGE = "large"
    """it could not with any people: there are too many, or the rate is too low"""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The distance for a rate, and what is known about it."""

    max_fpir: float
    """the rate asked for"""
    max_distance: float
    """squared L2: names are given below it"""
    promised_fpir: float
    """the rate at that distance: `max_fpir`, or less where the ceiling is lower"""
    likeness: float
    """r at that distance: how many times more often the gallery's people are so near than people at large"""
    recognised: float | None
    """share of one person's photos that are nearer to one of their templates; None where it is not known"""
    continued: bool
    """whether the distance lies where the curve was continued, not counted"""
    obstacle: Obstacle | None
    """why fewer than RECOGNISED of an enrolled person's photos are recognised; None where more are"""
    people: int
    templates: int
    alike: tuple[AlikePair, ...]
    """pairs nearer than that distance: photos of one may get the other's name, or none"""
    one_person: tuple[AlikePair, ...]
    """pairs much nearer than the gallery's others: perhaps one person under two names"""


def calibrated(curve: StrangerCurve, own: OwnPairs, max_fpir: float, ceiling: float = 4.0) -> Calibration:
    """The distance that `max_fpir` of strangers are nearer than to somebody, or `ceiling` where that is less.

    A pure function of its arguments, for a gallery of any size; to be called again when the gallery has changed.
    """
    if not 0.0 < max_fpir < 1.0:
        raise ValueError(f"max_fpir must lie between 0 and 1, got {max_fpir}")
    likeness = _likeness(curve, own)
    suspected = one_person_distance(curve, own)
    distance = min(_distance(curve, own.comparisons, likeness, max_fpir), ceiling)
    distance = math.floor(distance * 1e4) / 1e4  # as it is published
    rate = float(curve.rates_at(np.array([distance]))[0])
    times = float(_between(likeness, np.array([rate]))[0])
    obstacle = None
    useful = curve.same_person_distance(RECOGNISED)
    if own.people and useful is not None and distance < useful <= ceiling:
        among_others = _distance(curve, own.comparisons, np.ones(len(LEVELS)), max_fpir)
        obstacle = Obstacle.LARGE if among_others < useful else Obstacle.ALIKE
    return Calibration(
        max_fpir=max_fpir,
        max_distance=distance,
        promised_fpir=_fpir(min(rate * times, 1.0), own.comparisons),
        likeness=times,
        recognised=curve.recognised(distance),
        continued=rate < curve.lowest_rate,
        obstacle=obstacle,
        people=own.people,
        templates=own.templates,
        alike=tuple(pair for pair in own.nearest if pair.distance < distance),
        one_person=tuple(pair for pair in own.nearest if pair.distance < suspected),
    )


def fpir_at(curve: StrangerCurve, own: OwnPairs, distance: float) -> float:
    """The rate of strangers nearer than this squared L2 distance to somebody of the gallery."""
    rate = float(curve.rates_at(np.array([distance]))[0])
    times = float(_between(_likeness(curve, own), np.array([rate]))[0])
    return _fpir(min(rate * times, 1.0), own.comparisons)


def _fpir(rate: float, comparisons: float) -> float:
    """1 - (1 - rate) ^ comparisons."""
    if comparisons <= 0.0 or rate >= 1.0:
        return 0.0 if comparisons <= 0.0 else 1.0
    return float(-np.expm1(comparisons * np.log1p(-rate)))


def _distance(curve: StrangerCurve, comparisons: float, likeness: F64, max_fpir: float) -> float:
    """The largest distance at which so many comparisons keep the rate; 4 where there are none."""
    if comparisons <= 0.0:
        return 4.0
    rates = 10.0 ** np.linspace(-15.0, 0.0, 3001)
    # r may fall faster than the rate rises between two levels; more pairs are never fewer false matches.
    own = np.maximum.accumulate(rates * _between(likeness, rates))
    allowed = -np.expm1(np.log1p(-max_fpir) / comparisons)
    rate = np.exp(np.interp(np.log(allowed), np.log(own), np.log(rates)))
    return float(curve.distances_at(np.array([rate]))[0])


def _between(likeness: F64, rates: F64) -> F64:
    """r (N,) at these rates (N,), from r at LEVELS."""
    return np.asarray(np.interp(np.log(rates), np.log(LEVELS[::-1]), likeness[::-1]), np.float64)


def _likeness(curve: StrangerCurve, own: OwnPairs) -> F64:
    """r at LEVELS (K,), without pairs that are perhaps one person."""
    apart = np.searchsorted(own.distances, one_person_distance(curve, own))
    return _level_by_level(curve, own.distances[apart:])


def _level_by_level(curve: StrangerCurve, distances: F32) -> F64:
    """r at LEVELS (K,), at least 1, of ascending distances (P,) of own pairs."""
    observed = np.searchsorted(distances, curve.distances_at(LEVELS))
    before, found = 1.0, []
    for count, expected in zip(observed.tolist(), (len(distances) * LEVELS).tolist(), strict=True):
        before = (PRIOR + count) / (PRIOR / before + expected)
        found.append(before)
    return np.maximum(np.array(found, np.float64), 1.0)


def one_person_distance(curve: StrangerCurve, own: OwnPairs) -> float:
    """Below it a pair of the gallery's people is perhaps one person; 0 where there is nothing to tell it by."""
    usual, distances = curve.same_person_distance(RECOGNISED), own.distances
    if usual is None or not len(distances):
        return 0.0
    # Where r has settled, and pairs enough are counted that two of one person do not move it.
    settled = _level_by_level(curve, distances)[LEVELS >= SETTLED_RATE][-1]
    rate = ONE_PERSON / (len(distances) * settled)
    distance = min(usual, float(curve.distances_at(np.array([min(rate, 1.0)]))[0]))
    many = np.searchsorted(distances, distance) > max(MAX_ONE_PERSON * own.sampled, 1.0)
    return 0.0 if many else distance


def own_pairs(person_ids: Sequence[str], vectors: F32) -> OwnPairs:
    """What a gallery's templates say about its people: ids (N,) and unit vectors (N, D), a row a template.

    Of more than MAX_SAMPLED people or templates a sample is looked at, the same each time.
    """
    people, owners = np.unique(np.array(person_ids), return_inverse=True)
    return sampled_pairs(owners, lambda row: str(people[row]), lambda rows: vectors[rows])


def sampled_pairs(owners: I64, id_of: Callable[[int], str], vectors_of: Callable[[I64], F32]) -> OwnPairs:
    """The same for a gallery that is not at hand as a whole.

    Args:
        owners: (N,) whose each template is: 0, 1, ... in order of the people's ids, each at least once.
        id_of: the id of a person by that number.
        vectors_of: unit vectors (R, D) of these rows (R,) of the gallery.
    """
    counts = np.bincount(owners)
    drawn = np.arange(len(counts))
    if len(owners) > MAX_SAMPLED:
        drawn = np.random.default_rng(0).permutation(len(counts))
        fitting = int(np.searchsorted(np.cumsum(counts[drawn]), MAX_SAMPLED, side="right"))
        drawn = np.sort(drawn[: max(fitting, 1)])
    asked = np.zeros(len(counts), np.bool_)
    asked[drawn] = True
    order = np.flatnonzero(asked[owners])
    order = order[np.argsort(owners[order], kind="stable")]
    begins = np.concatenate([[0], np.cumsum(counts[drawn])]).tolist()
    rows = [order[begin:end][:MAX_SAMPLED] for begin, end in pairwise(begins)]
    distances = np.zeros(0, np.float32)
    nearest: tuple[AlikePair, ...] = ()
    if len(rows) > 1:
        starts = np.cumsum([0, *map(len, rows)])[:-1]
        ids = [id_of(person) for person in drawn.tolist()]
        distances, nearest = _between_people(vectors_of(np.concatenate(rows)), starts, ids)
    return OwnPairs(
        people=len(counts),
        templates=len(owners),
        comparisons=float(np.sum(counts.astype(np.float64) ** TEMPLATES_POWER)),
        sampled=len(drawn),
        distances=distances,
        nearest=nearest,
    )


def _between_people(vectors: F32, starts: I64, ids: Sequence[str]) -> tuple[F32, tuple[AlikePair, ...]]:
    """Ascending distances (P,) of all pairs of people by their first templates; the nearest pairs by all.

    Templates (N, D) of one person stand together, each person's first at `starts` (M,).
    """
    between = np.clip(2.0 - 2.0 * (vectors @ vectors.T), 0.0, 4.0)
    a, b = np.triu_indices(len(starts), 1)
    by_first = np.sort(between[np.ix_(starts, starts)][a, b]).astype(np.float32, copy=False)
    by_all = np.minimum.reduceat(np.minimum.reduceat(between, starts, axis=0), starts, axis=1)[a, b]
    found = np.argsort(by_all, kind="stable")[:MAX_ALIKE]
    pairs = zip(a[found].tolist(), b[found].tolist(), by_all[found].tolist(), strict=True)
    return by_first, tuple(AlikePair(ids[one], ids[other], distance) for one, other, distance in pairs)

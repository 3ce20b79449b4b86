"""Open-set identification, 1:N: who is missed, and who is taken for somebody of the gallery.

Terms and definitions are NIST's (FRTE 1:N). A mated search is by a probe of somebody enrolled, whose mate is that
person's place in the gallery; a non-mated search is by a probe of anybody else. A candidate counts where its
distance is below the threshold T:

    FPIR(N, T)    = non-mated searches with a candidate below T / non-mated searches
    FNIR(N, R, T) = mated searches whose mate is not among the first R candidates, or not below T / mated searches
    DIR(R, T)     = 1 - FNIR(N, R, T)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, F64, I64, Bools
from engines.errors import EvaluationError
from engines.evaluation.verification import MAX_DISTANCE, far_at, threshold_at_far

NOBODY = -1
"""in place of a person: no mate, no candidate, no name"""


@dataclass(frozen=True, slots=True)
class Searches:
    """What the searches of one gallery answered, a row a probe."""

    people: I64
    """(Q, R) different people of the gallery, nearest first; NOBODY where there were fewer"""
    distances: F32
    """(Q, R) squared L2, not falling along a row; inf where there is nobody"""
    mates: I64
    """(Q,) the probe's person, or NOBODY where they are not enrolled"""
    named: I64
    """(Q,) the person whom the product's own rule names, or NOBODY"""

    def __post_init__(self) -> None:
        rows = len(self.mates)
        if self.people.ndim != 2 or self.people.shape[1] < 1 or self.people.shape != self.distances.shape:
            raise ValueError(
                f"people and distances must both be (Q, R), got {self.people.shape} and {self.distances.shape}"
            )
        if len(self.people) != rows or self.named.shape != (rows,):
            raise ValueError(f"people and named must have {rows} rows, one a probe")
        if np.any(self.distances[:, 1:] < self.distances[:, :-1]):
            raise ValueError("distances must come nearest first")

    @property
    def mated(self) -> Bools:
        """(Q,) whether the probe's person is enrolled."""
        return np.asarray(self.mates != NOBODY)

    @property
    def nearest(self) -> F32:
        """(Q,) distance to the first candidate; inf where there is none."""
        return self.distances[:, 0]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Rates at one threshold, rank 1."""

    threshold: float
    """squared L2; candidates count below it"""
    fpir: float
    """in [0, 1], of the non-mated searches at hand: at most what was asked for, and in steps of one search"""
    fnir: float
    """in [0, 1]"""


@dataclass(frozen=True, slots=True)
class RuleRates:
    """What a rule that gives names makes of the searches. All in [0, 1]."""

    fpir: float
    """non-mated searches that were given a name"""
    fnir: float
    """mated searches that were not given their mate's name"""
    misnamed: float
    """mated searches that were given somebody else's: a part of `fnir`"""


def fpir(searches: Searches, threshold: float) -> float:
    """The share of non-mated searches with a candidate below the threshold. Raises EvaluationError without any."""
    return far_at(_strangers(searches), threshold)


def fnir(searches: Searches, rank: int, threshold: float = math.inf) -> float:
    """The share of mated searches without their mate among the first `rank` and below the threshold.

    Without a threshold: NIST's investigation mode. Raises EvaluationError where no search is mated, ValueError for a
    rank that was not searched for.
    """
    asked = searches.people.shape[1]
    if not 1 <= rank <= asked:
        raise ValueError(f"rank must be 1 to {asked}, got {rank}")
    mated = searches.mated
    if not mated.any():
        raise EvaluationError(
            "no mated search: nobody enrolled has a further photo; give more photos a person"
        )
    people = searches.people[mated, :rank]
    hits = people == searches.mates[mated, None]
    hits &= searches.distances[mated, :rank] < threshold
    return float(1.0 - np.mean(hits.any(axis=1)))


def threshold_at_fpir(searches: Searches, max_fpir: float) -> float:
    """The largest threshold at which FPIR is at most this, in (0, 1).

    It is the distance of the non-mated search that would be one too many: with k = floor(max_fpir * searches)
    allowed, the k-th smallest distance, counted from 0; 4 where that search has no candidate at all. With fewer
    than 1 / max_fpir searches none is allowed. Raises EvaluationError without a non-mated search.

    >>> strangers = np.array([[0.9], [1.1], [1.3], [1.5]], np.float32)
    >>> nobody = np.full(4, NOBODY)
    >>> round(threshold_at_fpir(Searches(np.zeros((4, 1), np.int64), strangers, nobody, nobody), 0.5), 4)
    1.3
    """
    if not 0.0 < max_fpir < 1.0:
        raise ValueError(f"max_fpir must be between 0 and 1, got {max_fpir}")
    return min(threshold_at_far(_strangers(searches), max_fpir), MAX_DISTANCE)


def operating_point(searches: Searches, max_fpir: float) -> OperatingPoint:
    """The threshold for a false-positive identification rate, and who is missed there. Raises EvaluationError."""
    threshold = threshold_at_fpir(searches, max_fpir)
    return OperatingPoint(threshold, fpir(searches, threshold), fnir(searches, 1, threshold))


def rule_rates(searches: Searches) -> RuleRates:
    """The rates of the product's own rule. Raises EvaluationError where no search is mated, or all are."""
    mated = searches.mated
    if not mated.any() or mated.all():
        raise EvaluationError("both mated and non-mated searches are needed; give another --gallery-size")
    named, right = searches.named, searches.named == searches.mates
    return RuleRates(
        fpir=float(np.mean(named[~mated] != NOBODY)),
        fnir=float(1.0 - np.mean(right[mated])),
        misnamed=float(np.mean((named[mated] != NOBODY) & ~right[mated])),
    )


def lost_mates(searches: Searches, truth: Searches) -> int:
    """Mated searches whose mate came first in exact search (`truth`, the same probes) and no longer does."""
    mated = truth.mated
    first = truth.people[mated, 0] == truth.mates[mated]
    return int(np.sum(first & (searches.people[mated, 0] != truth.mates[mated])))


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over several draws of the gallery."""

    mean: float
    sd: float | None
    """sample standard deviation over the draws, not of the mean: draws share people; None for one draw"""


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation of at least one value. A value that is not finite makes the mean so too."""
    found = np.asarray(values, np.float64)
    several = len(found) > 1 and bool(np.all(np.isfinite(found)))
    return Spread(float(np.mean(found)), float(np.std(found, ddof=1)) if several else None)


@dataclass(frozen=True, slots=True)
class PointOverDraws:
    """An operating point, its threshold found anew in each draw."""

    max_fpir: float
    threshold: Spread
    fpir: Spread
    fnir: Spread


@dataclass(frozen=True, slots=True)
class RankRate:
    """DIR without a threshold."""

    rank: int
    dir: Spread


@dataclass(frozen=True, slots=True)
class Figures:
    """What the draws of one index come to."""

    points: tuple[PointOverDraws, ...]
    ranks: tuple[RankRate, ...]
    rule_fpir: Spread
    rule_fnir: Spread
    rule_misnamed: Spread


def figures(draws: Sequence[Searches], max_fpirs: Sequence[float], ranks: Sequence[int]) -> Figures:
    """Every rate over at least one draw. Raises EvaluationError as the rates do."""
    points = []
    for max_fpir in max_fpirs:
        found = [operating_point(each, max_fpir) for each in draws]
        points.append(
            PointOverDraws(
                max_fpir,
                spread([point.threshold for point in found]),
                spread([point.fpir for point in found]),
                spread([point.fnir for point in found]),
            )
        )
    rules = [rule_rates(each) for each in draws]
    return Figures(
        tuple(points),
        tuple(RankRate(rank, spread([1.0 - fnir(each, rank) for each in draws])) for rank in ranks),
        spread([rule.fpir for rule in rules]),
        spread([rule.fnir for rule in rules]),
        spread([rule.misnamed for rule in rules]),
    )


def _strangers(searches: Searches) -> F64:
    """Distances to the nearest candidate of the non-mated searches. Raises EvaluationError without any."""
    strangers = searches.nearest[~searches.mated]
    if not len(strangers):
        raise EvaluationError(
            "no non-mated search: leave people out of the gallery (a smaller --gallery-size)"
        )
    return strangers.astype(np.float64)

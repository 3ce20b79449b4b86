"""1:1 metrics on distances: thresholds, rates, ROC, and how sure of them one may be.

Everywhere a pair is accepted where its distance lies strictly below the threshold, as `pipeline.gallery.decision`
decides. FAR is the part of impostor pairs accepted, VAL that of genuine pairs (FaceNet, arXiv 1503.03832, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, F64, Bools
from engines.errors import EvaluationError

MAX_DISTANCE = 4.0
"""squared L2 distance of opposite unit vectors"""
ROUNDING = 1e-9
"""of a rate times a number of pairs: 0.3 of 10 are three, though 0.3 is a little less in binary"""


@dataclass(frozen=True, slots=True)
class Roc:
    """FAR and VAL at every threshold at which one of them changes."""

    thresholds: F64
    """(T,) rising; the first accepts nothing, the last everything"""
    far: F64
    """(T,) rising from 0 to 1"""
    val: F64
    """(T,) rising from 0 to 1"""


@dataclass(frozen=True, slots=True)
class MeanSem:
    """A mean, and how far it would move from sample to sample."""

    mean: float
    sem: float
    """standard error of the mean"""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a statistic lies with a given confidence."""

    low: float
    high: float


def squared_distances(first: F32, second: F32) -> F64:
    """Squared L2 distances (P,) of vectors (P, D), row by row."""
    return np.asarray(np.sum((first.astype(np.float64) - second) ** 2, axis=1))


def distance_matrix(a: F32, b: F32) -> F32:
    """Squared L2 distances (N, M) of each unit vector of a (N, D) to each of b (M, D), in [0, 4].

    Needs no memory but the result's: 3,000 x 3,000 take 36 MB.
    """
    distances = np.asarray(a @ b.T, np.float32)
    distances *= -2.0
    distances += 2.0
    return np.clip(distances, 0.0, MAX_DISTANCE, out=distances)


def threshold_at_far(impostors: F64, far: float) -> float:
    """The largest threshold that accepts at most this part of impostor distances (N,).

    It is the distance of impostor number floor(far N) + 1, who is the first to be refused. (davidsandberg/facenet
    interpolates its step function on a grid of 0.001 and comes to the same within that.) Raises EvaluationError
    where there are none.
    """
    _check_some(impostors, "impostor")
    accepted = int(np.floor(far * len(impostors) + ROUNDING))
    if accepted >= len(impostors):
        return float(np.nextafter(impostors.max(), np.inf))
    return float(np.partition(impostors, accepted)[accepted])


def val_at(genuine: F64, threshold: float) -> float:
    """The part of genuine distances (N,) accepted. Raises EvaluationError where there are none."""
    _check_some(genuine, "genuine")
    return float(np.mean(genuine < threshold))


def far_at(impostors: F64, threshold: float) -> float:
    """The part of impostor distances (N,) accepted. Raises EvaluationError where there are none."""
    _check_some(impostors, "impostor")
    return float(np.mean(impostors < threshold))


def roc(distances: F64, same: Bools) -> Roc:
    """The receiver operating characteristic of pairs (P,), `same` where both are of one person.

    Raises EvaluationError where all pairs are genuine, or all impostors.
    """
    sides = _sides(distances, same)
    seen = np.unique(distances)
    thresholds = np.append(seen, np.nextafter(seen[-1], np.inf))
    return Roc(
        thresholds=thresholds,
        far=np.searchsorted(sides.impostors, thresholds) / len(sides.impostors),
        val=np.searchsorted(sides.genuine, thresholds) / len(sides.genuine),
    )


def area_under_roc(distances: F64, same: Bools) -> float:
    """How often a genuine pair is nearer than an impostor pair, of all such; a tie counts half.

    Raises EvaluationError as `roc`.
    """
    sides = _sides(distances, same)
    nearer = np.searchsorted(sides.impostors, sides.genuine, side="left")
    not_farther = np.searchsorted(sides.impostors, sides.genuine, side="right")
    return float(1.0 - np.mean(nearer + not_farther) / 2.0 / len(sides.impostors))


def equal_error_rate(distances: F64, same: Bools) -> float:
    """The rate at which as many impostors are accepted as genuine pairs refused, on the ROC's straight pieces.

    Raises EvaluationError as `roc`.
    """
    curve = roc(distances, same)
    return float(np.interp(0.0, curve.far + curve.val - 1.0, curve.far))


def separation(distances: F64, same: Bools) -> float:
    """d': the means of impostor and genuine distances (P,) lie so many pooled standard deviations apart.

    Unlike the rates it is moved little by single pairs. Raises EvaluationError as `roc`.
    """
    sides = _sides(distances, same)
    pooled = np.sqrt((sides.genuine.var() + sides.impostors.var()) / 2.0)
    return float((sides.impostors.mean() - sides.genuine.mean()) / max(pooled, 1e-12))


def mean_sem(values: Sequence[float] | F64) -> MeanSem:
    """Mean and its standard error, s / sqrt(n) with s of n - 1 degrees of freedom, as LFW's protocol has it.

    Raises EvaluationError for fewer than two values, of which no error can be told.
    """
    if len(values) < 2:
        raise EvaluationError(
            f"a standard error needs at least two values, got {len(values)}; give more data"
        )
    return MeanSem(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))))


@dataclass(frozen=True, slots=True)
class _Sides:
    """Distances of pairs by kind, sorted."""

    genuine: F64
    impostors: F64


def _sides(distances: F64, same: Bools) -> _Sides:
    _check_some(distances[same], "genuine")
    _check_some(distances[~same], "impostor")
    return _Sides(np.sort(distances[same]), np.sort(distances[~same]))


def _check_some(distances: F64, kind: str) -> None:
    if not len(distances):
        raise EvaluationError(
            f"there is no {kind} pair; give photos of at least two people, two of at least one of them"
        )

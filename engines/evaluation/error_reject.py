"""Error versus reject: whether a quality score throws out the photos that cause errors.

Grother and Tabassi, Performance of Biometric Quality Measures (PAMI 29(4), 2007); ISO/IEC 29794-1 calls it the
error versus discard characteristic. The threshold is fixed on all pairs. Then the pairs of the lowest quality, a
pair being as good as the worse of its photos, are rejected, and the false non-match rate of the others is counted
again. A score that knows nothing leaves the rate as it is; a perfect one rejects the errors first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, F64, I64
from engines.errors import EvaluationError

FRACTIONS: F64 = np.linspace(0.0, 0.3, 31)
"""of the genuine pairs; nobody runs a system that rejects more"""


@dataclass(frozen=True, slots=True)
class RejectCurve:
    """The false non-match rate as pairs of low quality are rejected."""

    rejected: F64
    """(K,) rising, fractions of the genuine pairs in [0, 1)"""
    fnmr: F64
    """(K,) of the pairs that are left"""

    @property
    def pauc(self) -> float:
        """Partial area under the curve over its range: the mean rate; for one fraction alone, its rate."""
        span = float(self.rejected[-1] - self.rejected[0])
        return float(np.trapezoid(self.fnmr, self.rejected)) / span if span > 0.0 else float(self.fnmr[0])


def pair_quality(quality: F32, first: I64, second: I64) -> F32:
    """Quality (P,) of pairs of photos: that of the worse one."""
    return np.asarray(np.minimum(quality[first], quality[second]))


def error_reject(quality: F32, distances: F64, threshold: float, fractions: F64 = FRACTIONS) -> RejectCurve:
    """The curve of genuine pairs (P,) by their quality and squared L2 distance.

    A pair at or beyond the threshold is a false non-match. Pairs of the same quality are rejected in equal
    parts, which is what any order of them gives on average: a score that is the same for all is a flat line.
    Raises EvaluationError where there is no genuine pair.
    """
    _check(distances, fractions)
    missed = distances >= threshold
    _, group = np.unique(quality, return_inverse=True)
    sizes = np.bincount(group)
    edges = np.concatenate([[0.0], np.cumsum(sizes)])
    gone = np.concatenate([[0.0], np.cumsum(np.bincount(group, weights=missed))])
    rejected = fractions * len(distances)
    left = gone[-1] - np.interp(rejected, edges, gone)
    return RejectCurve(fractions, np.maximum(left, 0.0) / (len(distances) - rejected))


def oracle(distances: F64, threshold: float, fractions: F64 = FRACTIONS) -> RejectCurve:
    """The best curve there can be: every false non-match is rejected before any other pair."""
    _check(distances, fractions)
    rate = float(np.mean(distances >= threshold))
    return RejectCurve(fractions, np.maximum(rate - fractions, 0.0) / (1.0 - fractions))


def gain(curve: RejectCurve, best: RejectCurve) -> float:
    """How far a curve is from random rejection (0) to the oracle's (1); below 0 it rejects the good pairs.

    0 where there is no error to save.
    """
    at_random = float(curve.fnmr[0])
    to_win = at_random - best.pauc
    return (at_random - curve.pauc) / to_win if to_win > 0.0 else 0.0


def _check(distances: F64, fractions: F64) -> None:
    if not len(distances):
        raise EvaluationError("there is no genuine pair; give at least two photos of somebody")
    rises = len(fractions) > 0 and bool(np.all(np.diff(fractions) > 0.0))
    if not rises or fractions[0] != 0.0 or fractions[-1] >= 1.0:
        raise EvaluationError("fractions to reject must rise from 0 and stay below 1")

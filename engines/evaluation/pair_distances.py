"""Errors at few false accepts, with intervals that come from drawing people anew and not their pairs.

Pairs that share a face move together, so a bootstrap over pairs would promise too much. Here a person who is
drawn twice counts twice in all pairs: a genuine pair of person p weighs c_p, an impostor pair of p and q weighs
c_p c_q, where c is how often each was drawn (a bootstrap of the two-sample U statistic's units, as Bolle et al.,
"Error analysis of pattern recognition systems - the subsets bootstrap", CVIU 2004, has it for verification).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, F64, I64, Bools
from engines.errors import EvaluationError
from engines.evaluation.verification import ROUNDING, Interval

KEPT_FACTOR = 10
"""the nearest impostors kept, as a multiple of the largest FAR asked for: drawn anew, people are not so unlike
that the threshold leaves these"""
KEPT_LEAST = 20_000
"""of small sets all are kept"""
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class PairDistances:
    """Squared L2 distances of pairs, and whose they are; only the nearest of the impostors."""

    genuine: F64
    """(G,)"""
    genuine_people: I64
    """(G,) number of the person"""
    genuine_weights: F64
    """(G,)"""
    impostors: F64
    """(K,) rising, the nearest of all"""
    impostor_people: I64
    """(K, 2) numbers of the two"""
    impostor_weights: F64
    """(K,)"""
    person_weights: F64
    """(P,) summed weights of each person's rows"""
    ordered: bool
    """whether a pair is two, this row against that and that against this, as spoiled against clean photos are"""

    def __post_init__(self) -> None:
        if not len(self.genuine) or not len(self.impostors):
            missing = "impostor" if len(self.genuine) else "genuine"
            raise EvaluationError(
                f"there is no {missing} pair; give at least two people, two pictures or videos of at least one"
            )

    @property
    def people(self) -> int:
        """P, how many there are."""
        return len(self.person_weights)

    def threshold(self, far: float, drawn: I64 | None = None) -> float:
        """The largest squared L2 distance that accepts at most this part of impostors; see `threshold_at_far`.

        `drawn` (P,) is how often each person counts, once where it is None.
        """
        once = np.ones(self.people, np.int64) if drawn is None else drawn
        counts = once[self.impostor_people]
        weights = self.impostor_weights * counts[:, 0] * counts[:, 1]
        present = weights > 0
        if not present.any():
            return 0.0
        nearer = np.cumsum(weights[present])
        first_refused = int(
            np.searchsorted(nearer, far * self._impostor_weight(once) + ROUNDING, side="right")
        )
        return float(self.impostors[present][min(first_refused, len(nearer) - 1)])

    def refused(self, threshold: float, drawn: I64 | None = None) -> float:
        """1 - VAL: the part of genuine pairs that is not nearer than the threshold; NaN where none was drawn."""
        weights = self.genuine_weights
        if drawn is not None:
            weights = weights * drawn[self.genuine_people]
        total = float(weights.sum())
        return float(weights[self.genuine >= threshold].sum()) / total if total > 0 else float("nan")

    def error(self, far: float, drawn: I64 | None = None) -> float:
        """1 - VAL at a false accept rate."""
        return self.refused(self.threshold(far, drawn), drawn)

    def errors(self, far: float, draws: I64) -> F64:
        """1 - VAL (B,) for each of many draws (B, P) of people."""
        return np.array([self.error(far, drawn) for drawn in draws], np.float64)

    def _impostor_weight(self, drawn: I64) -> float:
        """Of all impostor pairs, kept or not: sum over people p, q of w_p w_q, without those of one person."""
        weights = self.person_weights * drawn
        both = float(weights.sum()) ** 2 - float((self.person_weights**2 * drawn**2).sum())
        return both if self.ordered else both / 2.0


def people_draws(people: int, draws: int, seed: int) -> I64:
    """How often each person is drawn (B, P) when as many people as there are are drawn with replacement."""
    chance = np.random.default_rng(seed)
    return chance.multinomial(people, np.full(people, 1.0 / people), size=draws).astype(np.int64)


def interval(values: F64) -> Interval:
    """Where 95 % of bootstrapped values (B,) lie; what is not a number is left out. Raises EvaluationError."""
    numbers = values[np.isfinite(values)]
    if not len(numbers):
        raise EvaluationError("too few people to tell how sure a rate is; give more")
    low, high = np.quantile(numbers, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return Interval(float(low), float(high))


def pair_distances(
    distances: F32, people: I64, genuine: Bools, weights: F64, largest_far: float, *, ordered: bool = False
) -> PairDistances:
    """Of a matrix (N, N) of distances between rows of `people` (N,), numbered from 0 without a gap.

    `genuine` (N, N) says which pairs are such; impostors are all pairs of two people. Unless `ordered`, only what
    is above the diagonal counts. `weights` (N,) of the rows multiply. Raises EvaluationError where there is no
    genuine or no impostor pair.
    """
    impostors = people[:, None] != people[None, :]
    if not ordered:
        above = np.triu(np.ones_like(impostors), 1)
        impostors &= above
        genuine = genuine & above
    found = distances[impostors]
    kept = max(KEPT_LEAST, int(np.ceil(KEPT_FACTOR * largest_far * len(found))))
    if kept < len(found):
        impostors &= distances <= np.partition(found, kept)[kept]
    i_row, i_column = np.nonzero(impostors)
    order = np.argsort(distances[i_row, i_column], kind="stable")
    i_row, i_column = i_row[order], i_column[order]
    g_row, g_column = np.nonzero(genuine)
    return PairDistances(
        genuine=distances[g_row, g_column].astype(np.float64),
        genuine_people=people[g_row],
        genuine_weights=weights[g_row] * weights[g_column],
        impostors=distances[i_row, i_column].astype(np.float64),
        impostor_people=np.stack([people[i_row], people[i_column]], axis=1),
        impostor_weights=weights[i_row] * weights[i_column],
        person_weights=np.asarray(np.bincount(people, weights), np.float64),
        ordered=ordered,
    )


def ratio_interval(errors: F64, of: F64) -> Interval:
    """Where 95 % of the ratios of paired draws' errors (B,) lie."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(errors / of)

"""Labeled Faces in the Wild, View 2: ten sets of pairs, each judged by a threshold chosen on the other nine.

Huang et al., "Labeled Faces in the Wild", UMass 07-49, under the protocol "unrestricted, labelled outside data".
A decision uses nothing but its own pair and what was chosen on the other sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, F64, Bools
from engines.errors import EvaluationError
from engines.evaluation.lfw_pairs import Pairs
from engines.evaluation.verification import (
    Roc,
    area_under_roc,
    equal_error_rate,
    far_at,
    mean_sem,
    roc,
    separation,
    squared_distances,
    threshold_at_far,
    val_at,
)

ACCURACY_GRID = np.arange(0.0, 4.0, 0.01)
"""thresholds tried for accuracy, as davidsandberg/facenet, src/facenet.py; the lowest of the best is taken"""
VAL_FAR = 1e-3


@dataclass(frozen=True, slots=True)
class Fold:
    """One set of pairs, judged by what was chosen on the others."""

    threshold: float
    """of the best accuracy on the others"""
    accuracy: float
    val_threshold: float
    """of a false accept rate of 1e-3 on the others"""
    val: float
    far: float
    """impostor pairs of this set accepted at `val_threshold`"""


@dataclass(frozen=True, slots=True)
class View2:
    """Means over the folds, standard errors over the folds, and what all pairs together say."""

    pairs: int
    folds: tuple[Fold, ...]
    accuracy: float
    accuracy_sem: float | None
    """None of a single fold, which is judged by a threshold chosen on itself"""
    val: float
    """genuine pairs accepted at the threshold of a false accept rate of 1e-3"""
    val_sem: float | None
    far: float
    """impostor pairs accepted there: what the 1e-3 came to"""
    threshold: float
    """squared L2 distance; mean of the folds'"""
    val_threshold: float
    auc: float
    eer: float
    d_prime: float
    roc: Roc


def flip_fused(vectors: F32, flipped: F32) -> F32:
    """Vectors of crops and of their mirror images (N, D), one after the other: (N, 2 D), of unit length again.

    The squared distance of two such vectors is the mean of the two distances. davidsandberg/facenet joins them
    so for its published figures, and compares by angle, for which the length does not matter.
    """
    return np.asarray(np.concatenate([vectors, flipped], axis=1) / np.sqrt(2.0), np.float32)


def view2(first: F32, second: F32, pairs: Pairs, *, subtract_mean: bool = False) -> View2:
    """View 2 of unit vectors (P, D), a row a pair.

    With `subtract_mean`, each fold's vectors lose the mean of the vectors in the other folds' pairs, and are
    brought to unit length again, as in davidsandberg/facenet, src/validate_on_lfw.py, with its distance by
    angle. Raises EvaluationError where a kind of pair is missing.
    """
    if not subtract_mean:
        return score(squared_distances(first, second), pairs)
    distances = []
    for fold in range(pairs.folds):
        train = _others(pairs, fold)
        mean = np.concatenate([first[train], second[train]]).mean(axis=0, dtype=np.float64)
        distances.append(squared_distances(_without(first, mean), _without(second, mean)))
    return _summary(distances, pairs)


def score(distances: F64, pairs: Pairs) -> View2:
    """View 2 of squared L2 distances (P,), one a pair. Raises EvaluationError where a kind of pair is missing."""
    return _summary([distances] * pairs.folds, pairs)


def _summary(distances: Sequence[F64], pairs: Pairs) -> View2:
    """From the distances of all pairs (P,) as each fold has them."""
    folds = tuple(_judge(each, pairs, fold) for fold, each in enumerate(distances))
    tested = np.asarray(np.stack(distances)[pairs.fold, np.arange(len(pairs))])
    accuracies, vals = [fold.accuracy for fold in folds], [fold.val for fold in folds]
    return View2(
        pairs=len(pairs),
        folds=folds,
        accuracy=float(np.mean(accuracies)),
        accuracy_sem=mean_sem(accuracies).sem if len(folds) > 1 else None,
        val=float(np.mean(vals)),
        val_sem=mean_sem(vals).sem if len(folds) > 1 else None,
        far=float(np.mean([fold.far for fold in folds])),
        threshold=float(np.mean([fold.threshold for fold in folds])),
        val_threshold=float(np.mean([fold.val_threshold for fold in folds])),
        auc=area_under_roc(tested, pairs.same),
        eer=equal_error_rate(tested, pairs.same),
        d_prime=separation(tested, pairs.same),
        roc=roc(tested, pairs.same),
    )


def _judge(distances: F64, pairs: Pairs, fold: int) -> Fold:
    train, test = _others(pairs, fold), pairs.fold == fold
    same = pairs.same
    accepted, wrongly = (
        np.searchsorted(np.sort(distances[train & kind]), ACCURACY_GRID) for kind in (same, ~same)
    )
    threshold = float(ACCURACY_GRID[int(np.argmax(accepted - wrongly))])
    strict = threshold_at_far(distances[train & ~same], VAL_FAR)
    return Fold(
        threshold=threshold,
        accuracy=float(np.mean((distances[test] < threshold) == same[test])),
        val_threshold=strict,
        val=val_at(distances[test & same], strict),
        far=far_at(distances[test & ~same], strict),
    )


def _others(pairs: Pairs, fold: int) -> Bools:
    """(P,) which pairs a fold's thresholds are chosen on: those of the others, or its own where it is alone."""
    return np.asarray(pairs.fold != fold if pairs.folds > 1 else pairs.fold == fold, np.bool_)


def _without(vectors: F32, mean: F64) -> F32:
    moved = vectors - mean
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    if not lengths.all():
        raise EvaluationError(
            "all vectors are alike, and their mean leaves nothing; give photos of more people"
        )
    return np.asarray(moved / lengths, np.float32)

"""LFW's View 2 against its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.arrays import F32
from engines.errors import EvaluationError
from engines.evaluation.lfw import flip_fused, score, view2
from engines.evaluation.lfw_pairs import Pairs
from engines.evaluation.verification import area_under_roc, equal_error_rate, separation, squared_distances


def pairs_of(folds: int, kind: int) -> Pairs:
    """So many folds of so many pairs of each kind."""
    same = np.tile(np.repeat([True, False], kind), folds)
    names = tuple(str(row) for row in range(len(same)))
    return Pairs(names, names, same, np.repeat(np.arange(folds, dtype=np.int64), 2 * kind))


def units(vectors: NDArray[np.floating[Any]]) -> F32:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def vectors_of(pairs: Pairs, offset: float = 0.0) -> tuple[F32, F32]:
    """Vectors of pairs' photos: near each other where they are of one person, all moved by an offset."""
    chance = np.random.default_rng(0)
    first, other = chance.normal(size=(2, len(pairs), 32))
    second = np.where(pairs.same[:, None], first + 0.6 * other, other)
    return units(first + offset), units(second + offset)


def test_well_separated_distances_score_fully() -> None:
    pairs = pairs_of(10, 30)
    chance = np.random.default_rng(0)
    result = score(np.where(pairs.same, chance.uniform(0.1, 0.6, 600), chance.uniform(1.4, 2.4, 600)), pairs)
    assert (result.accuracy, result.accuracy_sem, result.val, result.val_sem) == (1.0, 0.0, 1.0, 0.0)
    assert (result.auc, result.eer, result.pairs) == (1.0, 0.0, 600)
    assert 0.55 < result.threshold < 1.45


def test_each_fold_is_judged_by_the_others_threshold() -> None:
    pairs = pairs_of(2, 50)
    distances = np.where(pairs.same, 0.5, 1.5) + np.where(pairs.fold == 0, 0.0, 2.0)
    result = score(distances, pairs)
    # Fold 0's threshold accepts what is below 3.5, so all of it; fold 1's what is below 1.5, so nothing of it.
    assert [fold.accuracy for fold in result.folds] == [0.5, 0.5]
    assert result.folds[0].threshold == pytest.approx(2.51)
    assert result.folds[1].threshold == pytest.approx(0.51)


def test_errors_are_counted_and_the_standard_error_is_of_the_folds() -> None:
    pairs = pairs_of(10, 30)
    distances = np.where(pairs.same, 0.5, 1.5)
    distances[0] = 2.0  # a genuine pair of fold 0 is refused
    result = score(distances, pairs)
    folds = np.array([59 / 60] + [1.0] * 9)
    assert [fold.accuracy for fold in result.folds] == pytest.approx(folds.tolist())
    assert result.accuracy == pytest.approx(folds.mean())
    assert result.accuracy_sem == pytest.approx(folds.std(ddof=1) / np.sqrt(10))


def test_val_is_of_the_threshold_that_the_others_impostors_set() -> None:
    pairs = pairs_of(2, 1000)
    distances = np.tile(np.concatenate([np.arange(1000), 500 + np.arange(1000)]) / 1000.0, 2)
    distances[2000 + 1000 :] -= 0.1  # fold 1's impostors are nearer
    distances[2000 : 2000 + 1000] += 0.05  # and its genuine pairs less so
    result = score(distances, pairs)
    # Of the other fold's 1,000 impostors one may be accepted: the second is at 0.401 for fold 0, 0.501 for fold 1.
    assert [fold.val_threshold for fold in result.folds] == pytest.approx([0.401, 0.501])
    assert [fold.val for fold in result.folds] == pytest.approx([0.401, 0.451])
    assert [fold.far for fold in result.folds] == pytest.approx([0.0, 0.101])
    assert result.far == pytest.approx(0.0505)
    assert result.val_sem == pytest.approx(0.025)


def test_figures_of_all_pairs_are_the_metrics() -> None:
    pairs = pairs_of(10, 30)
    first, second = vectors_of(pairs)
    distances = squared_distances(first, second)
    result = view2(first, second, pairs)
    assert result.folds == score(distances, pairs).folds
    assert result.auc == area_under_roc(distances, pairs.same)
    assert result.eer == equal_error_rate(distances, pairs.same)
    assert result.d_prime == separation(distances, pairs.same)


def test_a_single_fold_is_judged_by_itself_and_has_no_standard_error() -> None:
    pairs = pairs_of(1, 4)
    result = score(np.array([0.2, 0.4, 0.6, 1.2, 1.0, 1.5, 2.0, 2.5]), pairs)
    assert result.accuracy == 7 / 8
    assert result.threshold == pytest.approx(0.61)
    assert (result.accuracy_sem, result.val_sem) == (None, None)


def test_a_distance_of_joined_flips_is_the_mean_of_both() -> None:
    pairs = pairs_of(1, 20)
    first, second = vectors_of(pairs)
    mirrored, other = units(first + 0.1), units(second - 0.1)
    joined = squared_distances(flip_fused(first, mirrored), flip_fused(second, other))
    both = (squared_distances(first, second) + squared_distances(mirrored, other)) / 2
    np.testing.assert_allclose(joined, both, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(flip_fused(first, mirrored), axis=1), 1.0, atol=1e-6)


def test_the_mean_taken_off_is_the_other_folds() -> None:
    """An offset that all vectors share hides who is who; with it taken off they are told apart again."""
    pairs = pairs_of(4, 50)
    first, second = vectors_of(pairs, offset=1.5)
    plain, centred = (view2(first, second, pairs, subtract_mean=on) for on in (False, True))
    assert centred.d_prime > plain.d_prime + 0.5
    train = pairs.fold != 0
    mean = np.concatenate([first[train], second[train]]).mean(axis=0, dtype=np.float64)
    by_hand = score(squared_distances(units(first - mean), units(second - mean)), pairs)
    assert centred.folds[0] == by_hand.folds[0]
    assert centred.folds[1] != by_hand.folds[1]
    tested = np.zeros(len(pairs))  # every pair as its own fold has it
    for fold in range(4):
        train, test = pairs.fold != fold, pairs.fold == fold
        mean = np.concatenate([first[train], second[train]]).mean(axis=0, dtype=np.float64)
        tested[test] = squared_distances(units(first[test] - mean), units(second[test] - mean))
    assert centred.d_prime == pytest.approx(separation(tested, pairs.same), rel=1e-6)


def test_vectors_that_are_all_alike_leave_nothing() -> None:
    pairs = pairs_of(2, 3)
    alike = np.tile(units(np.ones((1, 4))), (12, 1))
    with pytest.raises(EvaluationError, match="all vectors are alike"):
        view2(alike, alike, pairs, subtract_mean=True)

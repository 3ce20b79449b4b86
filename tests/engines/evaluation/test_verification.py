"""1:1 metrics against hand-computed cases and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.metrics.pairwise import euclidean_distances

from engines.arrays import F32, F64, Bools
from engines.errors import EvaluationError
from engines.evaluation.verification import (
    area_under_roc,
    distance_matrix,
    equal_error_rate,
    far_at,
    mean_sem,
    roc,
    separation,
    squared_distances,
    threshold_at_far,
    val_at,
)

GENUINE = np.array([0.2, 0.4, 0.6, 1.2])
IMPOSTORS = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
DISTANCES = np.concatenate([GENUINE, IMPOSTORS])
SAME = np.repeat([True, False], [4, 5])


def unit_vectors(rows: int, seed: int) -> F32:
    drawn = np.random.default_rng(seed).normal(size=(rows, 16)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), np.float32)


def drawn_pairs(seed: int, decimals: int = 12) -> tuple[F64, Bools]:
    """Distances with ties where they are rounded to few decimals, and which are genuine."""
    chance = np.random.default_rng(seed)
    same = np.append(chance.random(198) < 0.4, [True, False])
    return np.round(chance.normal(np.where(same, 0.8, 1.5), 0.4), decimals), same


def test_squared_distances_are_of_rows() -> None:
    a = np.eye(3, dtype=np.float32)
    assert squared_distances(a, np.roll(a, 1, axis=0)).tolist() == [2.0, 2.0, 2.0]
    assert squared_distances(a, -a).tolist() == [4.0, 4.0, 4.0]
    assert squared_distances(a, a).dtype == np.float64


def test_the_distance_matrix_is_scikit_learns() -> None:
    a, b = unit_vectors(30, 0), unit_vectors(20, 1)
    found = distance_matrix(a, b)
    assert found.shape == (30, 20)
    assert found.dtype == np.float32
    assert_allclose(found, euclidean_distances(a, b, squared=True), atol=2e-6)


def test_rounding_leaves_no_distance_outside_its_range() -> None:
    a = unit_vectors(200, 2)
    found = distance_matrix(a, np.concatenate([a, -a]))
    assert found.min() >= 0.0
    assert found.max() <= 4.0
    assert distance_matrix(a, a[:0]).shape == (200, 0)


def test_a_pair_at_the_threshold_is_refused() -> None:
    assert val_at(GENUINE, 0.4) == 0.25
    assert val_at(GENUINE, 0.41) == 0.5
    assert far_at(IMPOSTORS, 0.5) == 0.0
    assert far_at(IMPOSTORS, 1.6) == 0.6


def test_the_threshold_is_the_first_impostor_refused() -> None:
    nearest = np.sort(IMPOSTORS)
    assert threshold_at_far(IMPOSTORS, 1e-3) == nearest[0]
    assert threshold_at_far(IMPOSTORS, 0.2) == nearest[1]
    assert threshold_at_far(IMPOSTORS, 0.3) == nearest[1]
    assert threshold_at_far(IMPOSTORS, 0.8) == nearest[4]
    assert threshold_at_far(IMPOSTORS, 1.0) > nearest[4]
    assert threshold_at_far(np.arange(10.0), 0.3) == 3.0


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60), st.floats(1e-4, 1.0))
def test_the_threshold_never_accepts_more_than_asked(impostors: list[int], far: float) -> None:
    distances = np.array(impostors) / 10.0
    threshold = threshold_at_far(distances, far)
    assert far_at(distances, threshold) <= far + 1e-9
    if len(set(impostors)) == len(impostors):
        assert far_at(distances, threshold) > far - 1.0 / len(impostors) - 1e-9


def test_the_roc_by_hand() -> None:
    curve = roc(DISTANCES, SAME)
    assert curve.thresholds[:-1].tolist() == sorted(DISTANCES.tolist())
    assert curve.thresholds[-1] > 2.5
    assert_allclose(curve.far, np.array([0, 0, 0, 1, 1, 2, 2, 3, 4, 5]) / 5)
    assert_allclose(curve.val, np.array([0, 1, 2, 2, 3, 3, 4, 4, 4, 4]) / 4)


@pytest.mark.parametrize("decimals", [12, 1])
def test_the_roc_is_scikit_learns(decimals: int) -> None:
    distances, same = drawn_pairs(3, decimals)
    curve = roc(distances, same)
    far, val, _ = roc_curve(same, -distances, drop_intermediate=False)
    assert_allclose(curve.far, far)
    assert_allclose(curve.val, val)


def test_the_area_by_hand() -> None:
    # 0.2 and 0.4 are nearer than all 5 impostors, 0.6 than 4, 1.2 than 3.
    assert area_under_roc(DISTANCES, SAME) == pytest.approx(17 / 20)
    assert area_under_roc(np.ones(9), SAME) == 0.5


@pytest.mark.parametrize("decimals", [12, 1])
def test_the_area_is_scikit_learns(decimals: int) -> None:
    distances, same = drawn_pairs(4, decimals)
    assert area_under_roc(distances, same) == pytest.approx(roc_auc_score(same, -distances))


def test_the_equal_error_rate_by_hand() -> None:
    # FAR 1/5 and VAL 3/4 at 1.0; FAR 2/5 and VAL 3/4 at 1.2: equal where FAR is 1/4.
    assert equal_error_rate(DISTANCES, SAME) == pytest.approx(0.25)
    assert equal_error_rate(np.where(SAME, 0.5, 1.5), SAME) == 0.0
    assert equal_error_rate(np.where(SAME, 1.5, 0.5), SAME) == 1.0
    assert equal_error_rate(np.ones(9), SAME) == 0.5


@pytest.mark.parametrize("seed", range(5))
def test_at_the_equal_error_rate_both_errors_of_scikit_learns_curve_are_equal(seed: int) -> None:
    distances, same = drawn_pairs(seed, 2)
    far, val, _ = roc_curve(same, -distances)
    rate = equal_error_rate(distances, same)
    assert np.interp(rate, far, val) == pytest.approx(1.0 - rate, abs=0.02)


def test_separation_is_in_standard_deviations() -> None:
    same = np.repeat([True, False], 20_000)
    drawn = np.random.default_rng(5).normal(np.where(same, 1.0, 2.0), 0.25)
    assert separation(drawn, same) == pytest.approx(4.0, abs=0.05)
    assert separation(np.array([1.0, 3.0, 6.0, 8.0]), np.array([True, True, False, False])) == 5.0


def test_one_kind_of_pair_says_what_is_missing() -> None:
    for metric in (roc, area_under_roc, equal_error_rate, separation):
        with pytest.raises(EvaluationError, match="no impostor pair; give photos"):
            metric(DISTANCES, np.ones(9, np.bool_))
        with pytest.raises(EvaluationError, match="no genuine pair; give photos"):
            metric(DISTANCES, np.zeros(9, np.bool_))
    none = np.zeros(0)
    with pytest.raises(EvaluationError, match="no impostor pair"):
        threshold_at_far(none, 0.1)
    with pytest.raises(EvaluationError, match="no impostor pair"):
        far_at(none, 0.1)
    with pytest.raises(EvaluationError, match="no genuine pair"):
        val_at(none, 0.1)


def test_the_standard_error_is_of_the_mean() -> None:
    found = mean_sem([1.0, 2.0, 3.0, 6.0])
    assert found.mean == 3.0
    assert found.sem == pytest.approx(np.sqrt((4 + 1 + 0 + 9) / 3) / 2)
    with pytest.raises(EvaluationError, match="at least two values, got 1"):
        mean_sem([1.0])

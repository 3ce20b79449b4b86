"""Error versus reject: hand cases, and what holds for any score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import auc

from engines.errors import EvaluationError
from engines.evaluation.error_reject import error_reject, gain, oracle, pair_quality

TENTHS = np.array([0.0, 0.1, 0.2, 0.3])
DISTANCES = np.array([0.5, 1.3, 0.6, 1.0, 0.7, 0.8, 0.9, 1.4, 0.2, 0.1])
"""three of ten are at or beyond 1.0"""
PERFECT = np.array([0.9, 0.1, 0.8, 0.3, 0.7, 0.6, 0.5, 0.2, 1.0, 1.0], np.float32)


def test_a_pair_is_as_good_as_its_worse_photo() -> None:
    quality = np.array([0.9, 0.2, 0.5], np.float32)
    pairs = pair_quality(quality, np.array([0, 0, 2]), np.array([1, 2, 2]))
    np.testing.assert_array_equal(pairs, np.array([0.2, 0.5, 0.5], np.float32))


def test_a_perfect_score_follows_the_oracle() -> None:
    curve, best = error_reject(PERFECT, DISTANCES, 1.0, TENTHS), oracle(DISTANCES, 1.0, TENTHS)
    np.testing.assert_allclose(curve.fnmr, [3 / 10, 2 / 9, 1 / 8, 0.0])
    np.testing.assert_allclose(best.fnmr, curve.fnmr)
    assert gain(curve, best) == pytest.approx(1.0)


def test_a_score_that_throws_out_the_good_is_worse_than_chance() -> None:
    curve = error_reject(-PERFECT, DISTANCES, 1.0, TENTHS)
    np.testing.assert_allclose(curve.fnmr, [3 / 10, 3 / 9, 3 / 8, 3 / 7])
    assert gain(curve, oracle(DISTANCES, 1.0, TENTHS)) < 0.0


def test_a_score_that_is_the_same_for_all_changes_nothing() -> None:
    curve = error_reject(np.ones(10, np.float32), DISTANCES, 1.0, TENTHS)
    np.testing.assert_allclose(curve.fnmr, [0.3] * 4)
    assert curve.pauc == pytest.approx(0.3)
    assert gain(curve, oracle(DISTANCES, 1.0, TENTHS)) == pytest.approx(0.0)


def test_pairs_of_the_same_quality_go_in_equal_parts() -> None:
    # The worst four of ten are alike, two of them false non-matches: one rejected takes half an error away.
    distances = np.array([1.5, 1.5, 0.5, 0.5, 1.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    quality = np.array([0.1] * 4 + [0.9] * 6, np.float32)
    curve = error_reject(quality, distances, 1.0, TENTHS)
    np.testing.assert_allclose(curve.fnmr, [3 / 10, 2.5 / 9, 2 / 8, 1.5 / 7])


def test_the_partial_area_is_scikit_learns_over_its_range() -> None:
    curve = error_reject(PERFECT, DISTANCES, 1.0, TENTHS)
    assert curve.pauc == pytest.approx(auc(TENTHS, curve.fnmr) / 0.3)


def test_without_an_error_there_is_nothing_to_gain() -> None:
    curve, best = error_reject(PERFECT, DISTANCES, 3.0), oracle(DISTANCES, 3.0)
    assert not curve.fnmr.any()
    assert gain(curve, best) == 0.0


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=5, max_size=40))
def test_the_order_of_the_pairs_does_not_matter_and_no_score_beats_the_oracle(
    pairs: list[tuple[int, bool]],
) -> None:
    quality = np.array([level for level, _ in pairs], np.float32)
    distances = np.array([2.0 if missed else 0.0 for _, missed in pairs])
    turned = np.argsort(distances + quality, kind="stable")
    curve = error_reject(quality, distances, 1.0)
    again = error_reject(quality[turned], distances[turned], 1.0)
    np.testing.assert_allclose(curve.fnmr, again.fnmr)
    assert np.all(curve.fnmr >= oracle(distances, 1.0).fnmr - 1e-12)
    assert np.all((curve.fnmr >= 0.0) & (curve.fnmr <= 1.0 + 1e-12))


def test_no_pair_and_fractions_out_of_order_are_refused() -> None:
    none = np.zeros(0)
    with pytest.raises(EvaluationError, match="no genuine pair"):
        error_reject(none.astype(np.float32), none, 1.0)
    for fractions in (np.array([0.1, 0.2]), np.array([0.0, 1.0]), np.array([0.0, 0.2, 0.2]), np.zeros(0)):
        with pytest.raises(EvaluationError, match="must rise from 0 and stay below 1"):
            oracle(DISTANCES, 1.0, fractions)

"""Errors and their intervals: hand cases, and the same as the plain metrics where all weigh alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import EvaluationError
from engines.evaluation.pair_distances import interval, pair_distances, people_draws, ratio_interval
from engines.evaluation.verification import threshold_at_far, val_at

PEOPLE = np.array([0, 0, 1, 1, 2], np.int64)
DISTANCES = np.array(
    [
        [0.0, 0.3, 1.2, 1.6, 1.8],
        [0.3, 0.0, 1.4, 1.0, 1.9],
        [1.2, 1.4, 0.0, 1.1, 1.7],
        [1.6, 1.0, 1.1, 0.0, 2.0],
        [1.8, 1.9, 1.7, 2.0, 0.0],
    ],
    np.float32,
)
SAME = (PEOPLE[:, None] == PEOPLE[None, :]) & ~np.eye(5, dtype=bool)
ONCE = np.ones(5)


def test_by_hand() -> None:
    pairs = pair_distances(DISTANCES, PEOPLE, SAME, ONCE, 1e-2)
    np.testing.assert_allclose(pairs.genuine, [0.3, 1.1])
    np.testing.assert_allclose(pairs.impostors, [1.0, 1.2, 1.4, 1.6, 1.7, 1.8, 1.9, 2.0])
    assert pairs.threshold(2 / 8) == pytest.approx(1.4)
    assert pairs.threshold(1.5 / 8) == pytest.approx(1.2)
    assert pairs.error(0.5 / 8) == 0.5
    assert pairs.error(1 / 8) == 0.0
    assert pairs.refused(float(pairs.genuine[0])) == 1.0, "a pair at the threshold is refused"


def test_a_person_drawn_twice_counts_twice() -> None:
    pairs = pair_distances(DISTANCES, PEOPLE, SAME, ONCE, 1e-2)
    drawn = np.array([2, 0, 1], np.int64)
    # impostors left: 1.8 and 1.9, each twice; genuine left: 0.3
    assert pairs.threshold(0.25, drawn) == pytest.approx(1.8)
    assert pairs.threshold(0.5, drawn) == pytest.approx(1.9)
    assert pairs.threshold(0.75, drawn) == pytest.approx(1.9)
    assert pairs.error(0.5, drawn) == 0.0
    assert pairs.threshold(0.5, np.array([3, 0, 0], np.int64)) == 0.0
    assert np.isnan(pairs.refused(1.0, np.array([0, 0, 3], np.int64)))


def test_weights_share_a_video_among_its_templates() -> None:
    weights = np.array([0.5, 0.5, 1.0, 1.0, 1.0])
    pairs = pair_distances(DISTANCES, PEOPLE, SAME, weights, 1e-2)
    np.testing.assert_allclose(pairs.genuine_weights, [0.25, 1.0])
    # of all impostor pairs, 0.5 x 4 + 0.5 x 2 + 1 x 2 = 5
    assert pairs.threshold(0.05) == pytest.approx(1.0)
    assert pairs.error(0.05) == pytest.approx(0.8)


def test_ordered_pairs_count_both_ways() -> None:
    probe = DISTANCES.copy()
    probe[2, 0] = 0.1
    pairs = pair_distances(probe, PEOPLE, SAME, ONCE, 1e-2, ordered=True)
    assert len(pairs.genuine) == 4
    assert len(pairs.impostors) == 16
    assert pairs.threshold(0.5 / 16) == pytest.approx(0.1)
    assert pairs.threshold(1 / 16) == pytest.approx(1.0)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 1e-2, 0.1]))
def test_as_the_plain_metrics_where_all_weigh_alike(seed: int, far: float) -> None:
    chance = np.random.default_rng(seed)
    people = np.sort(chance.integers(0, 6, 30))
    people = np.unique(people, return_inverse=True)[1].astype(np.int64)
    distances = chance.uniform(0.0, 4.0, (30, 30)).astype(np.float32)
    above = np.triu(np.ones((30, 30), dtype=bool), 1)
    same = people[:, None] == people[None, :]
    pairs = pair_distances(distances, people, same, np.ones(30), far)
    genuine = distances[same & above].astype(np.float64)
    impostors = distances[~same & above].astype(np.float64)
    threshold = threshold_at_far(impostors, far)
    assert pairs.threshold(far) == pytest.approx(threshold)
    assert pairs.error(far) == pytest.approx(1.0 - val_at(genuine, threshold))


def test_only_the_nearest_impostors_are_kept_and_nothing_changes() -> None:
    chance = np.random.default_rng(1)
    people = np.repeat(np.arange(150, dtype=np.int64), 2)
    distances = chance.uniform(0.0, 4.0, (300, 300)).astype(np.float32)
    same = people[:, None] == people[None, :]
    pairs = pair_distances(distances, people, same, np.ones(300), 1e-3)
    impostors = distances[np.triu(~same, 1)].astype(np.float64)
    assert len(pairs.impostors) < len(impostors) == 150 * 149 * 2
    assert pairs.threshold(1e-3) == pytest.approx(threshold_at_far(impostors, 1e-3))
    draws = people_draws(150, 40, seed=2)
    for far in (1e-3, 0.44):
        some, every = (pair_distances(distances, people, same, np.ones(300), most) for most in (far, 1.0))
        assert len(some.impostors) <= len(every.impostors) == len(impostors)
        np.testing.assert_array_equal(some.errors(far, draws), every.errors(far, draws))


def test_nothing_to_compare_is_told() -> None:
    with pytest.raises(EvaluationError, match="no genuine pair"):
        pair_distances(DISTANCES, PEOPLE, np.zeros_like(SAME), ONCE, 1e-2)
    with pytest.raises(EvaluationError, match="no impostor pair"):
        pair_distances(DISTANCES, np.zeros(5, np.int64), SAME, ONCE, 1e-2)


def test_draws_and_intervals() -> None:
    draws = people_draws(7, 50, seed=3)
    assert draws.shape == (50, 7)
    assert set(draws.sum(axis=1).tolist()) == {7}
    np.testing.assert_array_equal(draws, people_draws(7, 50, seed=3))
    assert interval(np.array([np.nan, *np.linspace(0.0, 1.0, 41)])).low == pytest.approx(0.025)
    halves = ratio_interval(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 0.0]))
    assert (halves.low, halves.high) == (0.5, 0.5)
    with pytest.raises(EvaluationError, match="too few people"):
        interval(np.array([np.nan]))

"""Open-set 1:N: hand-made searches, and loops over single searches that say the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.errors import EvaluationError
from engines.evaluation.identification import (
    NOBODY,
    Searches,
    figures,
    fnir,
    fpir,
    lost_mates,
    operating_point,
    rule_rates,
    spread,
    threshold_at_fpir,
)


def by_hand() -> Searches:
    """Four mated searches and four non-mated ones in a gallery of people 0, 1, 2."""
    return Searches(
        people=np.array([[0, 1], [2, 1], [2, 0], [0, 2], [0, 1], [1, 2], [2, 0], [NOBODY, NOBODY]]),
        distances=np.array(
            [
                [0.4, 1.5],
                [1.0, 1.1],
                [0.9, 1.0],
                [0.7, 0.8],
                [0.6, 1.9],
                [0.8, 1.6],
                [1.2, 1.3],
                [np.inf, np.inf],
            ],
            np.float32,
        ),
        mates=np.array([0, 1, 2, 1, NOBODY, NOBODY, NOBODY, NOBODY]),
        named=np.array([0, NOBODY, 2, 0, 0, NOBODY, NOBODY, NOBODY]),
    )


def drawn(seed: int, probes: int = 40, gallery: int = 8, ranks: int = 5) -> Searches:
    """Random searches; a third of the probes have no mate."""
    rng = np.random.default_rng(seed)
    distances = np.sort(rng.uniform(0.0, 4.0, (probes, ranks)).astype(np.float32), axis=1)
    people = np.stack([rng.permutation(gallery)[:ranks] for _ in range(probes)])
    mates = np.where(np.arange(probes) % 3 == 0, NOBODY, rng.integers(0, gallery, probes))
    named = np.where(rng.random(probes) < 0.5, people[:, 0], NOBODY)
    return Searches(people, distances, mates, named)


def test_the_hand_case() -> None:
    searches = by_hand()
    assert fpir(searches, 0.7) == 0.25
    assert fpir(searches, 0.6) == 0.0  # candidates count below the threshold, not at it
    assert fpir(searches, 4.0) == 0.75  # a search without a candidate names nobody
    assert fnir(searches, 1) == 0.5
    assert fnir(searches, 2) == 0.25
    assert fnir(searches, 2, 0.95) == 0.5
    assert fnir(searches, 1, 0.5) == 0.75
    assert fnir(searches, 1, float(np.float32(0.4))) == 1.0, "nor does the mate at it"
    rates = rule_rates(searches)
    assert (rates.fpir, rates.fnir, rates.misnamed) == (0.25, 0.5, 0.25)


def test_the_threshold_of_the_hand_case() -> None:
    searches = by_hand()
    assert threshold_at_fpir(searches, 0.01) == pytest.approx(0.6)
    assert threshold_at_fpir(searches, 0.25) == pytest.approx(0.8)
    assert threshold_at_fpir(searches, 0.75) == 4.0  # beyond it only the search without a candidate is left
    point = operating_point(searches, 0.5)
    assert (point.fpir, point.fnir) == (0.5, 0.5)
    assert point.threshold == pytest.approx(1.2)


@given(st.integers(0, 10_000), st.floats(0.01, 0.99), st.integers(1, 5))
def test_the_rates_are_those_of_a_loop(seed: int, threshold: float, rank: int) -> None:
    searches = drawn(seed)
    missed = mated = positive = strangers = 0
    for row, mate in enumerate(searches.mates.tolist()):
        near = [
            person
            for person, distance in zip(searches.people[row], searches.distances[row], strict=True)
            if distance < 4 * threshold
        ]
        if mate == NOBODY:
            strangers += 1
            positive += bool(near)
        else:
            mated += 1
            missed += mate not in near[:rank]
    assert fpir(searches, 4 * threshold) == pytest.approx(positive / strangers)
    assert fnir(searches, rank, 4 * threshold) == pytest.approx(missed / mated)


@given(st.integers(0, 10_000), st.floats(0.005, 0.9))
def test_no_larger_threshold_keeps_the_rate(seed: int, rate: float) -> None:
    searches = drawn(seed)
    threshold = threshold_at_fpir(searches, rate)
    assert fpir(searches, threshold) <= rate
    assert fpir(searches, threshold + 1e-6) > rate


@pytest.mark.parametrize(("count", "rate", "allowed"), [(100, 0.29, 29), (1000, 0.003, 3), (333, 0.003, 0)])
def test_the_number_allowed_is_not_lost_to_rounding(count: int, rate: float, allowed: int) -> None:
    distances = np.linspace(0.1, 1.0, count, dtype=np.float32)[:, None]
    nobody = np.full(count, NOBODY)
    searches = Searches(np.zeros((count, 1), np.int64), distances, nobody, nobody)
    assert fpir(searches, threshold_at_fpir(searches, rate)) == allowed / count


def test_more_ranks_find_no_fewer_and_a_looser_rate_misses_no_more() -> None:
    searches = drawn(1)
    assert sorted((fnir(searches, rank) for rank in range(1, 6)), reverse=True) == [
        fnir(searches, rank) for rank in range(1, 6)
    ]
    strict, loose = operating_point(searches, 0.1), operating_point(searches, 0.5)
    assert strict.fnir >= loose.fnir


def test_mates_that_an_approximate_search_loses_are_counted() -> None:
    truth = by_hand()
    people = truth.people.copy()
    people[0] = [1, 0]  # lost: exact search had the mate first
    people[3] = [2, 0]  # not lost: exact search did not have it either
    assert lost_mates(Searches(people, truth.distances, truth.mates, truth.named), truth) == 1
    assert lost_mates(truth, truth) == 0


def test_draws_come_to_a_mean_and_a_standard_deviation() -> None:
    assert spread([0.1, 0.3]).mean == pytest.approx(0.2)
    assert spread([0.1, 0.3]).sd == pytest.approx(math.sqrt(0.02))
    assert spread([0.1]).sd is None
    found = figures([by_hand(), by_hand()], (0.25, 0.5), (1, 2))
    assert [point.max_fpir for point in found.points] == [0.25, 0.5]
    assert [rank.dir.mean for rank in found.ranks] == [0.5, 0.75]
    assert found.rule_misnamed.sd == 0.0


def test_what_cannot_be_measured_is_refused() -> None:
    searches = by_hand()
    mated, strangers = (
        Searches(searches.people[rows], searches.distances[rows], searches.mates[rows], searches.named[rows])
        for rows in (slice(0, 4), slice(4, 8))
    )
    with pytest.raises(EvaluationError, match="non-mated"):
        threshold_at_fpir(mated, 0.1)
    with pytest.raises(EvaluationError, match="non-mated"):
        fpir(mated, 1.0)
    with pytest.raises(EvaluationError, match="mated"):
        fnir(strangers, 1)
    with pytest.raises(EvaluationError, match="both"):
        rule_rates(mated)
    with pytest.raises(ValueError, match="rank must be 1 to 2"):
        fnir(searches, 3)
    with pytest.raises(ValueError, match="between 0 and 1"):
        threshold_at_fpir(searches, 1.0)


def test_searches_check_themselves() -> None:
    good = by_hand()
    with pytest.raises(ValueError, match="nearest first"):
        Searches(good.people, good.distances[:, ::-1], good.mates, good.named)
    with pytest.raises(ValueError, match="rows"):
        Searches(good.people, good.distances, good.mates[:3], good.named)
    with pytest.raises(ValueError, match=r"\(Q, R\)"):
        Searches(good.people[:, :1], good.distances, good.mates, good.named)

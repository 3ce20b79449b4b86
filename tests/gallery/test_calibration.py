"""The distance for a rate: by hand for one comparison, and measured on people whose likeness is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.strangers import Strangers, measure_strangers
from pipeline.arrays import F32, F64
from pipeline.gallery.calibration import (
    LEVELS,
    MAX_SAMPLED,
    PRIOR,
    AlikePair,
    Obstacle,
    OwnPairs,
    StrangerCurve,
    calibrated,
    fpir_at,
    own_pairs,
)

DIMENSION = 24
LINE = Strangers(
    model_id="m",
    source="by hand: a tenth of the rate every 0.2",
    people=2000,
    photos=2000,
    pairs=1_999_000,
    rates=(1e-6, 1e-1, 1.0),
    distances=(0.4, 1.4, 1.6),
    same_pairs=100,
    same_shares=(0.5, 1.0),
    same_distances=(0.6, 1.0),
)
NOBODY = OwnPairs(0, 0, 0.0, 0, np.zeros(0, np.float32), ())


def alone(people: float) -> OwnPairs:
    """A gallery of so many people of whose likeness nothing is known."""
    return OwnPairs(round(people), round(people), people, 0, np.zeros(0, np.float32), ())


def population(count: int, group: F64 | None = None, seed: int = 1) -> F32:
    """People (N, D) at large, or of a group: `group` is added to each before it is brought to unit length."""
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    if group is not None:
        vectors = vectors + group
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def ids(count: int) -> list[str]:
    return [f"p{row:05d}" for row in range(count)]


@pytest.fixture(scope="module")
def curve() -> StrangerCurve:
    vectors = population(1500, seed=2)
    return replace(
        measure_strangers(vectors, ids(1500), "m", "seeded"),
        same_pairs=2,
        same_shares=(0.5, 1.0),
        same_distances=(0.5, 0.7),
    )


def test_one_comparison_has_the_rate_of_strangers() -> None:
    found = calibrated(LINE, alone(1), 0.01)
    assert found.max_distance == pytest.approx(1.2, abs=2e-4)
    assert found.promised_fpir == pytest.approx(0.01, rel=0.01)
    assert (found.likeness, found.obstacle, found.alike) == (1.0, None, ())
    odd = calibrated(LINE, alone(3), 0.01).max_distance
    assert odd == round(odd, 4), "as it is published"
    assert fpir_at(LINE, alone(3), odd) <= 0.01 < fpir_at(LINE, alone(3), odd + 2e-4)


@pytest.mark.parametrize(("people", "distance"), [(10, 1.0), (100, 0.8), (1000, 0.6)])
def test_ten_times_the_people_need_a_tenth_of_the_rate(people: int, distance: float) -> None:
    assert calibrated(LINE, alone(people), 0.01).max_distance == pytest.approx(distance, abs=2e-3)
    assert calibrated(LINE, alone(1).grown(people), 0.01).max_distance == pytest.approx(distance, abs=2e-3)


def test_no_name_is_given_beyond_the_ceiling() -> None:
    found = calibrated(LINE, alone(2), 0.01, ceiling=1.0)
    assert found.max_distance == 1.0
    assert found.promised_fpir == pytest.approx(1 - (1 - 1e-3) ** 2, rel=1e-3)


def test_an_empty_gallery_has_the_ceiling_and_names_nobody() -> None:
    found = calibrated(LINE, NOBODY, 0.01, ceiling=1.1)
    assert (found.max_distance, found.promised_fpir, found.obstacle) == (1.1, 0.0, None)
    empty = own_pairs((), np.zeros((0, 0), np.float32))
    assert (empty.people, empty.templates, empty.comparisons, len(empty.distances)) == (0, 0, 0.0, 0)


def test_likeness_by_hand() -> None:
    """190 pairs, all beyond the first level but 19, which are nearer than every level."""
    distances = np.sort(np.r_[np.full(19, 0.3), np.full(171, 3.0)]).astype(np.float32)
    own = OwnPairs(20, 20, 20.0, 20, distances, ())
    curve = replace(
        LINE, same_pairs=0, same_shares=(), same_distances=()
    )  # nobody is suspected to be one person
    likeness = 1.0
    for level in LEVELS:
        likeness = (PRIOR + 19) / (PRIOR / likeness + 190 * level)
    assert calibrated(curve, own, 1e-6).likeness == pytest.approx(likeness, rel=0.05)
    assert likeness > 10


def test_a_larger_gallery_rate_or_likeness_never_widens_the_distance() -> None:
    vectors = population(60, np.full(DIMENSION, 0.5))
    own = own_pairs(ids(60), vectors)
    looser = [calibrated(LINE, own, rate).max_distance for rate in (0.001, 0.01, 0.1)]
    assert looser == sorted(looser)
    grown = [calibrated(LINE, own.grown(factor), 0.01).max_distance for factor in (1, 2, 10, 1000)]
    assert grown == sorted(grown, reverse=True)
    assert calibrated(LINE, own, 0.01).max_distance <= calibrated(LINE, alone(60), 0.01).max_distance


@settings(max_examples=50)
@given(
    st.integers(1, 10**6),
    st.floats(1e-4, 0.5),
    st.lists(st.floats(0.0, 4.0, width=32), max_size=200),
)
def test_the_promise_is_kept_whatever_the_pairs(people: int, rate: float, pairs: list[float]) -> None:
    own = replace(alone(people), distances=np.sort(np.array(pairs, np.float32)))
    found = calibrated(LINE, own, rate, ceiling=1.2)
    assert 0.0 <= found.max_distance <= 1.2
    assert found.likeness >= 1.0
    if found.max_distance > 0.0:
        assert found.promised_fpir <= rate * 1.02
    assert calibrated(LINE, own, rate, ceiling=1.2) == found


def test_the_rate_at_a_distance_is_the_one_it_was_derived_for(curve: StrangerCurve) -> None:
    own = own_pairs(ids(80), population(80, np.full(DIMENSION, 0.6)))
    found = calibrated(curve, own, 0.02)
    assert fpir_at(curve, own, found.max_distance) == pytest.approx(found.promised_fpir)
    assert found.promised_fpir == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("people", [20, 100, 400])
def test_promised_is_measured_on_people_at_large(curve: StrangerCurve, people: int) -> None:
    measured = []
    strangers = population(3000, seed=3)
    for seed in range(8):
        gallery = population(people, seed=100 + seed)
        found = calibrated(curve, own_pairs(ids(people), gallery), 0.02)
        measured.append(np.mean((2 - 2 * strangers @ gallery.T).min(1) < found.max_distance))
    assert 0.01 < np.mean(measured) < 0.04


@pytest.mark.parametrize("people", [20, 100, 400])
def test_a_gallery_of_people_who_are_alike_is_seen(curve: StrangerCurve, people: int) -> None:
    """Strangers of the same group would be named ten times as often as promised; so they are not."""
    group = np.full(DIMENSION, 0.45)
    strangers = population(3000, group, seed=3)
    kept, blind = [], []
    for seed in range(8):
        gallery = population(people, group, seed=100 + seed)
        found = calibrated(curve, own_pairs(ids(people), gallery), 0.02)
        nearest = (2 - 2 * strangers @ gallery.T).min(1)
        kept.append(np.mean(nearest < found.max_distance))
        blind.append(np.mean(nearest < calibrated(curve, alone(people), 0.02).max_distance))
    assert np.mean(blind) > 0.1
    assert np.mean(kept) < 0.06


def test_too_alike_and_too_large_are_told_apart(curve: StrangerCurve) -> None:
    family = own_pairs(ids(100), population(100, np.full(DIMENSION, 2.0)))
    assert calibrated(curve, family, 0.01).obstacle is Obstacle.ALIKE
    assert calibrated(curve, alone(10**9), 1e-4).obstacle is Obstacle.LARGE
    assert calibrated(curve, own_pairs(ids(30), population(30)), 0.01).obstacle is None


def test_where_nothing_is_known_of_one_person_nothing_is_said_of_it() -> None:
    silent = replace(LINE, same_pairs=0, same_shares=(), same_distances=())
    found = calibrated(silent, alone(10**9), 1e-4)
    assert (found.recognised, found.obstacle, found.one_person) == (None, None, ())
    assert found.continued


def test_a_ceiling_below_which_few_are_recognised_is_no_fault_of_the_gallery() -> None:
    assert calibrated(LINE, alone(5), 0.01, ceiling=0.5).obstacle is None


def test_one_person_under_two_names_is_told_of_and_does_not_count(curve: StrangerCurve) -> None:
    vectors = population(100)
    apart = calibrated(curve, own_pairs(ids(100), vectors), 0.01)
    vectors[41] = vectors[7] + 0.02
    vectors[41] /= np.linalg.norm(vectors[41])
    found = calibrated(curve, own_pairs(ids(100), vectors), 0.01)
    (pair,) = found.one_person
    assert (pair.a, pair.b) == ("p00007", "p00041")
    assert pair.distance < 0.02
    assert pair in found.alike
    loose = calibrated(curve, own_pairs(ids(100), vectors), 0.5)
    assert loose.one_person == (pair,), "others are alike, and two people"
    assert len(loose.alike) > 1
    assert found.max_distance == pytest.approx(apart.max_distance, abs=0.03)


def test_own_pairs_by_hand() -> None:
    vectors = np.zeros((4, 4), np.float32)
    vectors[0, 0] = vectors[1, 1] = vectors[2, 0] = 1.0
    vectors[3] = (0.6, 0.8, 0.0, 0.0)
    own = own_pairs(["b", "a", "c", "a"], vectors)  # a has (0,1) and (0.6,0.8); b and c the same (1,0)
    assert (own.people, own.templates, own.sampled) == (3, 4, 3)
    assert own.comparisons == pytest.approx(2**0.9 + 2)
    assert own.distances.tolist() == pytest.approx([0.0, 2.0, 2.0])  # by first templates
    assert own.nearest[0] == AlikePair("b", "c", 0.0)
    assert [(pair.a, pair.b) for pair in own.nearest[1:]] == [("a", "b"), ("a", "c")]
    assert own.nearest[1].distance == pytest.approx(0.8)  # by the nearest templates


def test_templates_of_one_person_count_for_less_than_people() -> None:
    vectors = population(10)
    one_each = own_pairs(ids(10), vectors)
    five_each = own_pairs([name for name in ids(2) for _ in range(5)], vectors)
    assert five_each.templates == one_each.templates
    assert 2 < five_each.comparisons < one_each.comparisons == 10


def test_of_a_large_gallery_a_sample_is_looked_at_and_the_same_again() -> None:
    people = MAX_SAMPLED + 500
    owners = [name for name in ids(people) for _ in range(2)]
    vectors = np.repeat(population(people), 2, axis=0)
    own = own_pairs(owners, vectors)
    assert (own.people, own.templates, own.sampled) == (people, 2 * people, MAX_SAMPLED // 2)
    assert len(own.distances) == own.sampled * (own.sampled - 1) // 2
    assert np.array_equal(own_pairs(owners, vectors).distances, own.distances)


def test_one_person_with_more_templates_than_are_looked_at() -> None:
    vectors = np.repeat(population(2), MAX_SAMPLED + 1, axis=0)
    own = own_pairs(["a"] * (MAX_SAMPLED + 1) + ["b"] * (MAX_SAMPLED + 1), vectors)
    assert (own.people, own.sampled) == (2, 1)
    assert len(own.distances) == 0


def test_a_gallery_where_everybody_is_as_one_is_not_explained_away(curve: StrangerCurve) -> None:
    vectors = population(40, np.full(DIMENSION, 30.0))
    found = calibrated(curve, own_pairs(ids(40), vectors), 0.01)
    assert found.obstacle is Obstacle.ALIKE
    assert found.one_person == ()
    assert found.max_distance < 0.1


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_a_rate_is_between_0_and_1(rate: float) -> None:
    with pytest.raises(ValueError, match="max_fpir must lie between 0 and 1"):
        calibrated(LINE, NOBODY, rate)

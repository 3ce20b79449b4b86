"""Groups against people: a case by hand, loops, and scikit-learn where it measures the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, homogeneity_completeness_v_measure
from sklearn.metrics.cluster import pair_confusion_matrix

from engines.errors import EvaluationError
from engines.evaluation.clustering import GRID, WARD_GRID, Agreement, best_cut, cluster_quality
from tests.engines.evaluation.face_sets import person_vector

LABELS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40)


def test_the_hand_case() -> None:
    """Ann three times, Bob twice, Cy once; one of Ann's lies with Bob's."""
    found = cluster_quality(["ann", "ann", "ann", "bob", "bob", "cy"], [7, 7, 3, 3, 3, 9])
    assert (found.faces, found.people, found.groups, found.whole_people) == (6, 3, 3, 1)
    assert found.pairwise.precision == pytest.approx(2 / 4)
    assert found.pairwise.recall == pytest.approx(2 / 4)
    assert found.pairwise.f == pytest.approx(0.5)
    assert found.b_cubed.precision == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3 + 1) / 6)
    assert found.b_cubed.recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1 + 1) / 6)


@given(LABELS)
def test_pairs_are_those_of_scikit_learn(labels: list[tuple[int, int]]) -> None:
    people, groups = zip(*labels, strict=True)
    found = cluster_quality(people, groups).pairwise
    (_, false_pairs), (missed, right) = pair_confusion_matrix(people, groups).tolist()
    assert found.precision == pytest.approx(right / (right + false_pairs) if right + false_pairs else 1.0)
    assert found.recall == pytest.approx(right / (right + missed) if right + missed else 1.0)


@given(LABELS)
def test_b_cubed_is_that_of_a_loop_over_faces(labels: list[tuple[int, int]]) -> None:
    precision, recall = [], []
    for person, group in labels:
        of_person = [each for each in labels if each[0] == person]
        in_group = [each for each in labels if each[1] == group]
        both = sum(each[0] == person for each in in_group)
        precision.append(both / len(in_group))
        recall.append(both / len(of_person))
    found = cluster_quality(*zip(*labels, strict=True)).b_cubed
    assert found.precision == pytest.approx(np.mean(precision))
    assert found.recall == pytest.approx(np.mean(recall))


@given(LABELS)
def test_perfect_means_what_scikit_learn_calls_perfect(labels: list[tuple[int, int]]) -> None:
    people, groups = zip(*labels, strict=True)
    found = cluster_quality(people, groups)
    homogeneity, completeness, _ = homogeneity_completeness_v_measure(people, groups)
    assert (found.b_cubed.precision == pytest.approx(1.0)) == (homogeneity == pytest.approx(1.0))
    assert (found.b_cubed.recall == pytest.approx(1.0)) == (completeness == pytest.approx(1.0))
    perfect = found.whole_people == found.people == found.groups
    assert perfect == (adjusted_rand_score(people, groups) == pytest.approx(1.0))


def test_exchanging_people_and_groups_exchanges_precision_and_recall() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 60), rng.integers(0, 7, 60)
    there, back = cluster_quality(a, b), cluster_quality(b, a)
    for one, other in ((there.pairwise, back.pairwise), (there.b_cubed, back.b_cubed)):
        assert (one.precision, one.recall) == pytest.approx((other.recall, other.precision))


def test_nothing_right_is_an_f_of_nothing() -> None:
    assert Agreement(0.0, 0.0).f == 0.0


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(EvaluationError, match="no face"):
        cluster_quality([], [])
    with pytest.raises(ValueError, match="people and groups"):
        cluster_quality([1, 2], [1])


@pytest.mark.parametrize("linkage", ["average", "complete", "single", "ward"])
def test_the_best_cut_finds_people_far_apart(linkage: str) -> None:
    people = [person for person in "abcd" for _ in range(4)]
    vectors = np.stack([person_vector(person, shot) for shot, person in enumerate(people)])
    cut = best_cut(vectors, people, linkage)
    assert cut.quality.whole_people == 4
    assert cut.quality == cluster_quality(people, cut.groups)


@pytest.mark.parametrize("linkage", ["average", "complete", "single", "ward"])
def test_the_best_threshold_is_the_first_squared_distance_of_the_grid_that_will_do(linkage: str) -> None:
    vectors = np.array([[1.0, 0.0], [0.595, (1.0 - 0.595**2) ** 0.5]], np.float32)  # 0.81 apart
    grid = WARD_GRID if linkage == "ward" else GRID
    assert best_cut(vectors, ["a", "a"], linkage).threshold == grid[grid >= 0.81][0]
    assert best_cut(vectors, ["a", "b"], linkage).threshold == grid[0]

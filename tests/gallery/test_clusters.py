"""Grouping faces: by the mean distance, largest group first, held to merging pairs in a loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.arrays import F32
from pipeline.errors import BadInputError
from pipeline.gallery.clusters import (
    LAXEST_RATE,
    LINKAGES,
    MAX_FACES,
    Linkage,
    check_faces,
    false_match_rate,
    group_faces,
    largest_first,
)
from pipeline.gallery.painted import PaintedRecogniser


def faces_of(*people: int) -> F32:
    recogniser = PaintedRecogniser()
    return np.stack([recogniser.vector(person, shot) for shot, person in enumerate(people)])


def merged_in_a_loop(vectors: F32, max_distance: float) -> list[set[int]]:
    """Average linkage, pair by pair."""
    distances = np.sum((vectors[:, None].astype(np.float64) - vectors[None]) ** 2, axis=2)
    groups = [{row} for row in range(len(vectors))]
    while len(groups) > 1:
        pairs = [(a, b) for a in range(len(groups)) for b in range(a)]
        means = [distances[np.ix_(list(groups[a]), list(groups[b]))].mean() for a, b in pairs]
        if min(means) >= max_distance:
            break
        a, b = pairs[int(np.argmin(means))]
        groups[b] |= groups.pop(a)
    return groups


@pytest.mark.parametrize("linkage", LINKAGES)
def test_people_far_apart_are_groups(linkage: Linkage) -> None:
    vectors = faces_of(3, 1, 2, 1, 3, 1)
    assert group_faces(vectors, 1.0, linkage).tolist() == [1, 0, 2, 0, 1, 0]


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.2, 2.5))
def test_average_linkage_is_that_of_a_loop(seed: int, max_distance: float) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(12, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = group_faces(vectors, max_distance)
    groups = [set(np.flatnonzero(found == number).tolist()) for number in range(found.max() + 1)]
    assert sorted(map(sorted, groups)) == sorted(map(sorted, merged_in_a_loop(vectors, max_distance)))
    assert [len(group) for group in groups] == sorted(map(len, groups), reverse=True)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_the_threshold_means_the_same_for_two_faces(linkage: Linkage) -> None:
    vectors = np.array([[1.0, 0.0], [0.6, 0.8]], np.float32)  # 0.8 apart
    assert group_faces(vectors, 0.81, linkage).tolist() == [0, 0]
    assert group_faces(vectors, 0.79, linkage).tolist() == [0, 1]


def test_few_faces() -> None:
    assert group_faces(np.zeros((0, 8), np.float32), 1.0).tolist() == []
    assert group_faces(faces_of(1), 1.0).tolist() == [0]
    same = faces_of(1)[[0, 0]]
    assert group_faces(same, 0.0).tolist() == [0, 1]  # below 0 nothing is


def test_groups_are_numbered_by_size_then_by_first_face() -> None:
    assert largest_first(np.array([5, 2, 2, 9, 9, 0])).tolist() == [2, 0, 0, 1, 1, 3]


def test_the_rate_is_that_of_searching_each_among_the_others() -> None:
    for faces in (50, 1000, 20_000):
        rate = false_match_rate(0.1, faces)
        assert 1 - (1 - rate) ** (faces - 1) == pytest.approx(0.1)
    assert false_match_rate(0.1, 2) == false_match_rate(0.1, 0) == LAXEST_RATE
    with pytest.raises(ValueError, match="between 0 and 1"):
        false_match_rate(0.0, 5)


def test_what_cannot_be_grouped_is_refused() -> None:
    check_faces(MAX_FACES)
    with pytest.raises(BadInputError, match="cluster fewer photos at a time"):
        check_faces(MAX_FACES + 1)
    with pytest.raises(ValueError, match="length 1"):
        group_faces(np.ones((3, 4), np.float32), 1.0)
    with pytest.raises(ValueError, match="max_distance must be 0 to 4"):
        group_faces(faces_of(1, 2), 4.5)

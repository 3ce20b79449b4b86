"""What goes when a person has too many templates: what says the least."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.arrays import F32
from pipeline.gallery.agreement import distances_between
from pipeline.gallery.diversity import redundant
from tests.gallery.people import face, unit

SEEDS = st.integers(0, 100_000)


def shots(seed: int, count: int) -> F32:
    return np.stack([face(seed, shot, spread=0.7, dimension=12) for shot in range(1, count + 1)])


def qualities(seed: int, count: int) -> F32:
    return np.random.default_rng(seed).permutation(np.linspace(0.4, 1.0, count)).astype(np.float32)


@settings(max_examples=60)
@given(SEEDS, st.integers(1, 12), st.integers(1, 12))
def test_as_many_are_kept_as_may_be(seed: int, count: int, keep: int) -> None:
    dropped = redundant(shots(seed, count), qualities(seed, count), keep)
    assert len(dropped) == max(0, count - keep)
    assert dropped.tolist() == sorted(set(dropped.tolist()))
    assert all(0 <= row < count for row in dropped.tolist())


@settings(max_examples=60)
@given(SEEDS, st.integers(3, 12), st.integers(2, 8))
def test_the_two_farthest_apart_stay(seed: int, count: int, keep: int) -> None:
    vectors = shots(seed, count)
    apart = distances_between(vectors, vectors)
    farthest = set(np.unravel_index(apart.argmax(), apart.shape))
    assert not farthest & set(redundant(vectors, qualities(seed, count), keep).tolist())


@settings(max_examples=60)
@given(SEEDS, st.integers(2, 12), st.integers(1, 8))
def test_the_order_in_which_they_came_plays_no_part(seed: int, count: int, keep: int) -> None:
    vectors, quality = shots(seed, count), qualities(seed, count)
    order = np.random.default_rng(seed + 1).permutation(count)
    there = set(redundant(vectors, quality, keep).tolist())
    assert set(order[redundant(vectors[order], quality[order], keep)].tolist()) == there


@settings(max_examples=60)
@given(SEEDS, st.integers(2, 8))
def test_of_two_that_are_the_same_the_poorer_one_goes(seed: int, count: int) -> None:
    vectors = shots(seed, count)
    quality = qualities(seed, 2 * count)
    dropped = set(redundant(np.concatenate([vectors, vectors]), quality, count).tolist())
    assert dropped == {row if quality[row] < quality[row + count] else row + count for row in range(count)}


def test_by_hand() -> None:
    degrees = np.radians([0.0, 10.0, 14.0, 90.0])
    vectors = unit(np.stack([np.cos(degrees), np.sin(degrees)], axis=1))
    quality = np.array([0.5, 0.9, 0.8, 0.4], np.float32)
    assert redundant(vectors, quality, 3).tolist() == [2]  # near the second, and the poorer of the two
    assert redundant(vectors, quality, 2).tolist() == [1, 2]
    assert redundant(vectors, quality, 1).tolist() == [0, 2, 3]  # the best one stays
    with pytest.raises(ValueError, match="keep must be at least 1, got 0"):
        redundant(vectors, quality, 0)

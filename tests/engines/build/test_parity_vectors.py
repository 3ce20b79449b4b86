"""Vectors of two engines: cosines, and decisions that change."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engines.arrays import F32
from engines.build.parity_vectors import centred, compare_vectors


def vectors(count: int, seed: int, dimension: int = 16) -> F32:
    return np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)


def test_the_same_vectors() -> None:
    parity = compare_vectors(vectors(5, 0), vectors(5, 0), None, 1.0)

    assert (parity.crops, parity.pairs, parity.changed_decisions) == (5, 10, 0)
    assert np.isclose(parity.worst_cosine, 1.0)
    assert parity.max_squared_l2 == 0.0


@given(st.floats(0.1, 10.0), st.integers(0, 100))
def test_length_is_no_difference(factor: float, seed: int) -> None:
    want = vectors(4, seed)

    parity = compare_vectors((want * factor).astype(np.float32), want, None, 1.0)

    assert parity.worst_cosine > 1.0 - 1e-6
    assert parity.changed_decisions == 0


def test_the_worst_crop_is_told_beside_the_mean() -> None:
    want = vectors(10, 1)
    have = want.copy()
    have[3] = -have[3]

    parity = compare_vectors(have, want, None, None)

    assert np.isclose(parity.worst_cosine, -1.0)
    assert np.isclose(parity.mean_cosine, 0.8)
    assert (parity.pairs, parity.changed_share) == (0, 0.0)


def test_a_decision_that_changes() -> None:
    want = np.eye(3, dtype=np.float32)
    have = want.copy()
    have[1] = have[0]

    parity = compare_vectors(have, want, None, 1.0)

    assert (parity.pairs, parity.changed_decisions) == (3, 1)
    assert np.isclose(parity.changed_share, 1 / 3)


def test_the_networks_own_vectors_are_compared_before_centring() -> None:
    want = vectors(3, 2).astype(np.float32)
    have = (want * np.float32(1.5)).astype(np.float32)

    parity = compare_vectors(have, want, np.full(16, 0.1, np.float32), None)

    longest = float(np.max(np.sum((have.astype(np.float64) - want) ** 2, axis=1)))
    assert np.isclose(parity.max_squared_l2, longest)
    assert np.isclose(parity.worst_cosine, 1.0)


def test_vectors_are_centred_as_the_product_does() -> None:
    centre = np.full(16, 0.1, np.float32)
    units = centred(vectors(3, 2), None)

    moved = centred(vectors(3, 2), centre)

    expected = (units - centre) / np.linalg.norm(units - centre, axis=1, keepdims=True)
    np.testing.assert_allclose(moved, expected)

"""Near pairs in blocks, held to all distances at once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engines.arrays import F32
from engines.training.near_pairs import near_pairs


def unit(seed: int, count: int, dimension: int = 4) -> F32:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@given(
    first=st.integers(0, 12),
    second=st.integers(0, 12),
    block=st.integers(1, 5),
    limit=st.floats(0.1, 3.9),
    seed=st.integers(0, 99),
)
def test_blocks_find_what_the_whole_matrix_has(
    first: int, second: int, block: int, limit: float, seed: int
) -> None:
    here, there = unit(seed, first), unit(seed + 100, second)
    done: list[int] = []
    found = near_pairs(here, there, limit, done.append, block=block)
    distances = np.sum((here[:, None] - there[None, :]) ** 2, axis=2)
    near = {
        (int(row), int(column)) for row, column in zip(*np.nonzero(distances < limit - 1e-4), strict=True)
    }
    pairs = list(zip(found.first.tolist(), found.second.tolist(), strict=True))
    assert near <= set(pairs)
    assert len(pairs) == len(set(pairs))
    assert all(distances[pair] < limit + 1e-4 for pair in pairs)
    assert np.all(np.diff(found.distances) >= 0)
    assert done[-1:] == [first][: len(done)]


def test_the_same_face_is_at_no_distance() -> None:
    vectors = unit(0, 3)
    found = near_pairs(vectors, vectors, 1e-3)
    assert sorted(zip(found.first.tolist(), found.second.tolist(), strict=True)) == [(0, 0), (1, 1), (2, 2)]
    assert np.all(found.distances < 1e-6)

"""The int8 grid: rounding to it is stable, each row by itself, and a vector on it is known for what it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pipeline.arrays import F32
from pipeline.gallery.int8_grid import LARGEST, numbers_of, on_grid, to_grid, vectors_of
from tests.gallery.people import face

some_numbers = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9),
    elements=st.floats(-1.0, 1.0, width=32, allow_subnormal=False),
).filter(lambda rows: bool(np.abs(rows).max(axis=1).all()))


def faces(count: int, dimension: int = 128) -> F32:
    return np.stack([face(person, dimension=dimension) for person in range(count)])


@given(some_numbers)
def test_rounding_again_changes_no_bit(rows: F32) -> None:
    once = to_grid(rows)
    assert once.dtype == np.float32
    assert to_grid(once).tobytes() == once.tobytes()
    np.testing.assert_allclose(np.linalg.norm(once, axis=1), 1.0, atol=1e-6)
    numbers = on_grid(once)
    assert numbers is not None
    assert vectors_of(numbers).tobytes() == once.tobytes()
    assert (np.abs(numbers.astype(int)).max(axis=1) == LARGEST).all()


@given(some_numbers)
def test_it_is_the_definition_number_by_number(rows: F32) -> None:
    for row, numbers in zip(rows, numbers_of(rows).tolist(), strict=True):
        largest = max(abs(float(x)) for x in row)
        assert numbers == [round(float(x) * (127 / largest)) for x in row]  # both round halves to even


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_a_vector_does_not_depend_on_its_company(count: int) -> None:
    vectors = faces(count)
    alone = np.concatenate([to_grid(vector[None]) for vector in vectors])
    assert to_grid(vectors).tobytes() == alone.tobytes()


@pytest.mark.parametrize("dimension", [128, 512])
def test_a_face_hardly_moves(dimension: int) -> None:
    vectors = faces(50, dimension)
    assert np.sum((to_grid(vectors) - vectors) ** 2, axis=1).max() < 2e-4


def test_one_bit_off_is_off_the_grid() -> None:
    vectors = to_grid(faces(3))
    assert on_grid(vectors) is not None
    bits = vectors.view(np.uint32)
    bits[1, 5] ^= 1
    assert on_grid(vectors) is None


def test_a_negative_zero_is_off_the_grid_since_it_would_come_back_as_zero() -> None:
    assert on_grid(np.array([[1.0, 0.0]], np.float32)) is not None
    assert on_grid(np.array([[1.0, -0.0]], np.float32)) is None
    assert not np.signbit(to_grid(np.array([[1.0, -1e-4]], np.float32))).any()


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_what_has_no_direction_is_off_the_grid(bad: float) -> None:
    assert on_grid(np.full((2, 4), bad, np.float32)) is None


def test_nothing_is_off_the_grid() -> None:
    assert on_grid(np.zeros((0, 4), np.float32)) is None
    assert on_grid(np.zeros((1, 0), np.float32)) is None
    assert to_grid(np.zeros((0, 4), np.float32)).shape == (0, 4)

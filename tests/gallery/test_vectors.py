"""Vectors: checked, measured the same in any company, and bytes that come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import StoreError
from pipeline.gallery.int8_grid import to_grid
from pipeline.gallery.vectors import (
    GRID_MARK,
    check_unit,
    dimension_of,
    floats_from_bytes,
    floats_to_bytes,
    from_bytes,
    squared_l2,
    stacked,
    to_bytes,
)
from tests.gallery.people import DIMENSION, face, unit


def test_bytes_come_back_as_the_same_vector() -> None:
    vector = face(1)
    assert to_bytes(vector) == vector.astype("<f4").tobytes()
    assert from_bytes(to_bytes(vector)).tobytes() == vector.tobytes()
    from_bytes(to_bytes(vector))[0] = 2.0  # the copy is the caller's own


@given(st.integers(1, 70), st.integers(0, 1000))
def test_a_vector_on_the_grid_takes_a_byte_a_number(dimension: int, person: int) -> None:
    vector = to_grid(face(person, dimension=dimension)[None])[0]
    stored = to_bytes(vector)
    # Where that many bytes would be those of floats, it is kept as floats.
    assert len(stored) == (4 * dimension if dimension % 4 == 3 else 1 + dimension)
    assert dimension_of(stored) == dimension
    assert from_bytes(stored).tobytes() == vector.tobytes()


def test_vectors_of_both_forms_stand_in_one_array() -> None:
    floats = [face(person) for person in range(4)]
    vectors = [to_grid(one[None])[0] if at % 2 else one for at, one in enumerate(floats)]
    stored = [to_bytes(one) for one in vectors]
    assert {len(one) for one in stored} == {1 + DIMENSION, 4 * DIMENSION}
    assert stacked(stored).tobytes() == np.stack(vectors).tobytes()


@pytest.mark.parametrize(
    "bad",
    [
        GRID_MARK + bytes(64),  # all zeros: no direction
        GRID_MARK + b"\x7e" * 64,  # none is 127
        GRID_MARK + b"\x80" + b"\x7f" * 63,  # -128
        b"\x7f" * 65,  # another mark
        to_bytes(face(1))[:-1],
        to_bytes(to_grid(face(1)[None])[0])[:-2],
    ],
)
def test_damaged_bytes_are_named(bad: bytes) -> None:
    with pytest.raises(StoreError, match=r"damaged sightings .* run doctor"):
        stacked([to_bytes(to_grid(face(2)[None])[0]), bad], "sightings")


def test_numbers_that_are_no_vector_keep_four_bytes_each() -> None:
    box = np.array([127.0, 0.0, 1.0, 0.0], np.float32)
    assert floats_to_bytes(box) == box.tobytes()
    assert floats_from_bytes(floats_to_bytes(box)).tobytes() == box.tobytes()


def test_cut_bytes_are_no_vector() -> None:
    with pytest.raises(ValueError):
        from_bytes(to_bytes(face(1))[:-1])


def test_distances_are_those_of_the_definition() -> None:
    probe, vectors = face(1), np.stack([face(1), face(2), -face(1)])
    expected = [float(np.sum((probe.astype(float) - v.astype(float)) ** 2)) for v in vectors]
    assert squared_l2(probe, vectors) == pytest.approx(expected, abs=1e-6)


def test_rounding_never_leaves_zero_to_four() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        vector = unit(rng.normal(size=64)) * np.float32(1.0009)
        assert 0.0 <= squared_l2(vector, -vector[None])[0] <= 4.0


def test_a_distance_does_not_depend_on_the_other_rows() -> None:
    probe, vectors = face(1), np.stack([face(person) for person in range(50)])
    together = squared_l2(probe, vectors)
    alone = np.concatenate([squared_l2(probe, vector[None]) for vector in vectors])
    assert together.tobytes() == alone.tobytes()


def test_the_row_that_has_not_length_one_is_named() -> None:
    vectors = np.stack([face(1), face(2) * np.float32(1.5)])
    with pytest.raises(ValueError, match=r"vectors must have length 1, row 1 has 1\.5"):
        check_unit("vectors", vectors, vectors.shape[1])

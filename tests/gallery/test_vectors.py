"""Vectors: checked, measured the same in any company, and bytes that come back."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.gallery.vectors import check_unit, from_bytes, squared_l2, to_bytes
from tests.gallery.people import face, unit


def test_bytes_come_back_as_the_same_vector() -> None:
    vector = face(1)
    assert to_bytes(vector) == vector.astype("<f4").tobytes()
    assert from_bytes(to_bytes(vector)).tobytes() == vector.tobytes()
    from_bytes(to_bytes(vector))[0] = 2.0  # the copy is the caller's own


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

"""Faces are counted once each, and boxes used once each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._face_frames import count_faces, found_faces
from pipeline.arrays import F32


def boxes(*rows: tuple[float, float, float, float]) -> F32:
    return np.array(rows, np.float32).reshape(-1, 4)


NONE = boxes()


def test_a_box_that_covers_half_counts_and_one_that_covers_less_does_not() -> None:
    true = boxes((0, 0, 10, 10), (100, 0, 110, 10))
    given = boxes((0, 0, 10, 5), (100, 0, 110, 4))
    assert found_faces(true, given).tolist() == [True, False]


def test_one_box_is_not_two_faces() -> None:
    true = boxes((0, 0, 10, 10), (1, 0, 11, 10))
    assert found_faces(true, boxes((0, 0, 10, 10))).sum() == 1


def test_a_greedy_choice_would_lose_a_face() -> None:
    # The first box fits both faces, the second the first alone.
    true = boxes((0, 0, 10, 10), (3, 0, 13, 10))
    given = boxes((1, 0, 11, 10), (-2, 0, 8, 10))
    assert found_faces(true, given).all()


def test_faces_are_counted_by_the_size_of_the_true_box() -> None:
    truth = [boxes((0, 0, 10, 30), (50, 0, 90, 40)), NONE, boxes((0, 0, 100, 80))]
    given = [boxes((50, 0, 90, 40)), boxes((0, 0, 5, 5)), NONE]
    counted = count_faces(truth, given)
    assert (counted.true, counted.found, counted.boxes) == (3, 1, 2)
    assert [(each.true, each.found) for each in counted.sizes] == [(1, 0), (0, 0), (0, 0), (1, 1), (1, 0)]
    assert [(each.from_px, each.to_px) for each in counted.sizes][-2:] == [(40.0, 64.0), (64.0, None)]


def test_of_no_frames_there_are_no_faces() -> None:
    assert count_faces([], []).true == 0


def test_frames_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        count_faces([NONE], [NONE, NONE])


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 1000))
def test_no_more_are_found_than_there_are(faces: int, systems: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 20, (faces + systems, 2))
    both = np.concatenate([low, low + rng.uniform(5, 30, low.shape)], axis=1).astype(np.float32)
    found = found_faces(both[:faces], both[faces:])
    assert found.sum() <= min(faces, systems)
    assert found_faces(both[:faces], both[:faces]).all()

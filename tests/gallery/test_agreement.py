"""Which photos show the person that the others show."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from pipeline.arrays import F32
from pipeline.gallery.agreement import agreeing, distances_between
from tests.gallery.people import DIMENSION, face, unit

NOTHING = np.zeros((0, DIMENSION), np.float32)


def on_circle(*degrees: float) -> F32:
    """Unit vectors at these angles: 60 degrees apart is squared L2 1, 90 is 2."""
    angles = np.radians(degrees)
    vectors = np.zeros((len(degrees), DIMENSION))
    vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
    return unit(vectors)


def test_distances_are_between_every_pair() -> None:
    distances = distances_between(on_circle(0, 90), on_circle(0, 60, 180))
    np.testing.assert_allclose(distances, [[0.0, 1.0, 4.0], [2.0, 0.268, 2.0]], atol=1e-3)
    assert distances_between(NOTHING, on_circle(0)).shape == (0, 1)


def test_photos_near_any_known_template_belong() -> None:
    assert agreeing(on_circle(0, 180), on_circle(20, 100, 200), 1.0).tolist() == [True, False, True]


def test_a_photo_near_one_that_belongs_belongs_in_any_order() -> None:
    for order in itertools.permutations([50, 100, 150]):
        assert agreeing(on_circle(0), on_circle(*order), 1.0).all()


def test_the_threshold_itself_is_too_far() -> None:
    vectors = on_circle(0, 60)
    distance = float(distances_between(vectors[1:], vectors[:1])[0, 0])
    assert agreeing(vectors[:1], vectors[1:], np.nextafter(distance, 4.0)).all()
    assert not agreeing(vectors[:1], vectors[1:], distance).any()


@pytest.mark.parametrize("wrong", range(4))
def test_without_templates_the_majority_decides_wherever_the_wrong_photo_stands(wrong: int) -> None:
    vectors = np.stack([face(2) if row == wrong else face(1, shot=row) for row in range(4)])
    assert agreeing(NOTHING, vectors, 1.0).tolist() == [row != wrong for row in range(4)]


def test_without_a_majority_the_first_photo_decides() -> None:
    assert agreeing(NOTHING, np.stack([face(1), face(2)]), 1.0).tolist() == [True, False]
    assert agreeing(NOTHING, face(1)[None], 1.0).tolist() == [True]


def test_no_photo_no_answer() -> None:
    assert agreeing(NOTHING, NOTHING, 1.0).tolist() == []

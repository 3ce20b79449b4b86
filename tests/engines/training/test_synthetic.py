"""Painted people: the same from the same seed, themselves in every photo, and never twice the same photo."""

from __future__ import annotations

import numpy as np
import pytest

from engines.training.synthetic import SIDE_PX, synthetic_faces


def test_shapes_and_numbers() -> None:
    faces = synthetic_faces(3, 2, first=7)

    assert faces.crops.shape == (6, SIDE_PX, SIDE_PX, 3)
    assert faces.crops.dtype == np.uint8
    assert faces.people.tolist() == [7, 7, 8, 8, 9, 9]


def test_a_person_does_not_depend_on_who_else_is_painted() -> None:
    together, alone = synthetic_faces(5, 3), synthetic_faces(1, 2, first=3)

    assert np.array_equal(alone.crops, together.crops[9:11])


def test_another_seed_paints_other_people() -> None:
    one, other = (synthetic_faces(2, 2, seed=seed).crops for seed in (0, 1))

    assert not np.array_equal(one, other)


def test_no_photo_is_there_twice() -> None:
    faces = synthetic_faces(10, 4)

    assert len({crop.tobytes() for crop in faces.crops}) == 40


@pytest.mark.parametrize("side_px", [24, 96])
def test_any_size(side_px: int) -> None:
    faces = synthetic_faces(1, 1, side_px=side_px)

    assert faces.crops.shape == (1, side_px, side_px, 3)
    assert 20.0 < faces.crops.mean() < 235.0


def test_a_person_is_more_like_oneself_than_like_others_but_not_by_pixels_alone() -> None:
    """Else there would be nothing to recognise, or nothing to learn."""
    faces = synthetic_faces(40, 2)
    flat = faces.crops.reshape(80, -1).astype(np.float64)
    own = np.mean([np.abs(flat[2 * at] - flat[2 * at + 1]).mean() for at in range(40)])
    others = np.mean([np.abs(flat[2 * at] - flat[(2 * at + 3) % 80]).mean() for at in range(40)])

    assert 0.5 * others < own < others


def test_a_source_for_the_training_loop() -> None:
    source = synthetic_faces(2, 2).source()

    planes = source.plain(np.array([3, 0]))

    assert planes.shape == (2, 3, SIDE_PX, SIDE_PX)
    assert source.people.tolist() == [0, 0, 1, 1]
    assert -1.0 <= float(planes.min()) <= float(planes.max()) <= 1.0

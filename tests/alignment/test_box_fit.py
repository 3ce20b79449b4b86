"""The fitted box transform."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.alignment.box_fit import FEATURES, BoxTransform, fit_box_transform
from pipeline.arrays import F32
from pipeline.types import Faces


def random_faces(count: int, seed: int = 0) -> Faces:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 400, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(20, 200, (count, 2))], axis=1).astype(np.float32)
    places = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    places = places + rng.normal(0, 0.05, (count, 5, 2))
    landmarks = boxes[:, None, :2] + places * (boxes[:, 2:] - boxes[:, :2])[:, None]
    return Faces(boxes, landmarks.astype(np.float32), np.ones(count, np.float32))


def moved(faces: Faces, scale: float, by: float) -> Faces:
    return Faces(
        (faces.boxes * scale + by).astype(np.float32),
        (faces.landmarks * scale + by).astype(np.float32),
        faces.scores,
    )


def identity() -> BoxTransform:
    """The box itself: its corners are half a side from its centre, whatever the landmarks."""
    coefficients = np.zeros((FEATURES, 4))
    coefficients[-1] = -0.5, -0.5, 0.5, 0.5
    return BoxTransform(coefficients)


def test_the_identity() -> None:
    faces = random_faces(50)

    np.testing.assert_allclose(identity().apply(faces), faces.boxes, atol=1e-3)


def test_a_fit_recovers_a_linear_truth() -> None:
    rng = np.random.default_rng(1)
    truth = BoxTransform(identity().coefficients + rng.normal(0, 0.1, (FEATURES, 4)))

    fitted = fit_box_transform(random_faces(2000), truth.apply(random_faces(2000)))

    unseen = random_faces(100, seed=7)
    np.testing.assert_allclose(fitted.apply(unseen), truth.apply(unseen), atol=0.1)


def test_place_and_size_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    transform = BoxTransform(identity().coefficients + rng.normal(0, 0.1, (FEATURES, 4)))
    faces = random_faces(20)

    np.testing.assert_allclose(
        transform.apply(moved(faces, 3.0, 50.0)), transform.apply(faces) * 3.0 + 50.0, atol=0.05
    )


def test_no_faces() -> None:
    assert identity().apply(Faces.none()).shape == (0, 4)


def test_a_box_without_area_gives_numbers() -> None:
    point: F32 = np.array([[5, 5, 5, 5]], np.float32)
    faces = Faces(point, np.full((1, 5, 2), 5, np.float32), np.ones(1, np.float32))

    assert np.all(np.isfinite(identity().apply(faces)))


def test_too_few_faces_are_refused() -> None:
    faces = random_faces(FEATURES - 1)

    with pytest.raises(ValueError, match="at least 11 faces, got 10"):
        fit_box_transform(faces, faces.boxes)


def test_coefficients_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"coefficients must be float64 \(11, 4\), got float64 \(4, 11\)"):
        BoxTransform(np.zeros((4, 11)))

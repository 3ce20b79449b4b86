"""Upright crops."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.alignment.box_fit import FEATURES, BoxTransform
from pipeline.alignment.crop import CropRule, cut, widen
from pipeline.arrays import F32, U8
from pipeline.types import Faces


def image_of(width: int, height: int) -> U8:
    """A pixel's colour says where it is."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x % 256, y % 256, (x + y) % 256], axis=2).astype(np.uint8)


def boxes(*rows: tuple[float, float, float, float]) -> F32:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_a_box_of_the_crops_own_size_is_copied() -> None:
    image = image_of(100, 80)

    crops = cut(image, boxes((10, 20, 42, 52)), 32)

    np.testing.assert_array_equal(crops[0], image[20:52, 10:42])


def test_a_box_is_stretched_to_a_square() -> None:
    image = image_of(200, 200)

    crops = cut(image, boxes((0, 0, 40, 120)), 80)

    np.testing.assert_array_equal(crops[0], cv2.resize(image[:120, :40], (80, 80)))


def test_what_lies_outside_is_cut_off() -> None:
    image = image_of(100, 80)

    crops = cut(image, boxes((-30, -10, 20, 30), (90, 70, 200, 200)), 16)

    np.testing.assert_array_equal(crops[0], cv2.resize(image[0:30, 0:20], (16, 16)))
    np.testing.assert_array_equal(crops[1], cv2.resize(image[70:80, 90:100], (16, 16)))


def test_a_much_larger_face_is_averaged_and_not_sampled() -> None:
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 200

    np.testing.assert_allclose(cut(stripes, boxes((0, 0, 640, 640)), 160), 100, atol=1)


@given(
    st.lists(st.tuples(*[st.floats(-1e5, 1e5, width=32)] * 4), max_size=4),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_any_box_gives_a_crop_of_the_images_own_colours(
    rows: list[tuple[float, float, float, float]], width: int, height: int
) -> None:
    image = np.full((height, width, 3), 77, np.uint8)

    crops = cut(image, boxes(*rows), 8)

    assert crops.shape == (len(rows), 8, 8, 3)
    assert np.all(crops == 77)


def test_the_margin_is_the_same_on_all_sides() -> None:
    wide = widen(boxes((100, 100, 180, 220)), margin_px=4, margin_fraction=0.14)

    np.testing.assert_allclose(wide, [(82, 82, 198, 238)])  # 4 + 0.14 * 100


def test_the_margin_grows_with_the_face() -> None:
    small, large = widen(boxes((0, 0, 20, 30), (0, 0, 200, 300)), 0, 0.1)

    np.testing.assert_allclose(large, small * 10, rtol=1e-6)


def test_a_rule_moves_the_box_and_then_widens_it() -> None:
    coefficients = np.zeros((FEATURES, 4))
    coefficients[-1] = 0.0, 0.0, 0.5, 0.5  # the lower right quarter
    rule = CropRule(16, 2.0, 0.0, BoxTransform(coefficients))
    face = Faces(boxes((10, 10, 50, 50)), np.zeros((1, 5, 2), np.float32), np.ones(1, np.float32))
    image = image_of(60, 60)

    np.testing.assert_allclose(rule.boxes(face), [(28, 28, 52, 52)])
    np.testing.assert_array_equal(rule.crops(image, face)[0], cv2.resize(image[28:52, 28:52], (16, 16)))


def test_without_a_transform_the_detectors_box_is_cut() -> None:
    face = Faces(boxes((10, 10, 50, 50)), np.zeros((1, 5, 2), np.float32), np.ones(1, np.float32))

    np.testing.assert_allclose(CropRule(16, 0.0, 0.0).boxes(face), face.boxes)


def test_no_faces_give_no_crops() -> None:
    assert CropRule(160, 0.0, 0.14).crops(image_of(30, 30), Faces.none()).shape == (0, 160, 160, 3)


def test_a_grey_image_is_refused() -> None:
    with pytest.raises(ValueError, match=r"image must be uint8 \(H, W, 3\), got uint8 \(30, 30\)"):
        cut(np.zeros((30, 30), np.uint8), boxes(), 16)

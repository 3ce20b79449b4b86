"""The crop kept with a template: the face, its surroundings, and where it is in them."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.arrays import F32
from pipeline.gallery.face_crop import MAX_FACE_PX, crop_pixels, cut_face
from pipeline.gallery.painted import PaintedFace, PaintedRecogniser, paint
from pipeline.gallery.storage.records import Crop


def box(*edges: float) -> F32:
    return np.array(edges, np.float32)


def landmarks_at(x: float, y: float) -> F32:
    return np.full((5, 2), (x, y), np.float32)


def test_a_face_is_found_again_in_its_crop() -> None:
    image = paint([PaintedFace(7, 3, box=(60, 50, 120, 130))])
    crop = cut_face(image, box(60, 50, 120, 130), landmarks_at(90, 90))
    pixels = crop_pixels(crop)
    assert pixels.shape == (160, 120, 3)
    np.testing.assert_array_equal(pixels, image[10:170, 30:150])
    np.testing.assert_array_equal(crop.box, [30, 40, 90, 120])
    np.testing.assert_array_equal(crop.landmarks, landmarks_at(60, 80))
    recogniser = PaintedRecogniser()
    faces = recogniser.detect(pixels)
    np.testing.assert_array_equal(faces.boxes, crop.box[None])
    again = recogniser.describe(pixels, faces).vectors[0]
    np.testing.assert_array_equal(again, recogniser.vector(7, 3))


def test_surroundings_end_where_the_photo_ends() -> None:
    image = paint([PaintedFace(1, box=(0, 0, 100, 100))], width=120, height=110)
    crop = cut_face(image, box(-10, -20, 100, 100), landmarks_at(50, 50))
    assert crop_pixels(crop).shape == (110, 120, 3)
    np.testing.assert_array_equal(crop.box, [-10, -20, 100, 100])


def test_a_huge_face_is_scaled_down_with_its_box_and_landmarks() -> None:
    image = paint([PaintedFace(1, box=(500, 500, 1500, 1300))], width=2000, height=1800)
    crop = cut_face(image, box(500, 500, 1500, 1300), landmarks_at(1000, 900))
    assert crop_pixels(crop).shape == (358, 448, 3)
    np.testing.assert_allclose(crop.box, [112, 89.6, 336, 268.8], atol=0.5)
    assert (crop.box[2] - crop.box[0]) == pytest.approx(MAX_FACE_PX)
    np.testing.assert_allclose(crop.landmarks, landmarks_at(224, 179.2), atol=0.5)


@pytest.mark.parametrize("edges", [(500, 500, 600, 600), (-90, -90, -20, -20), (0.2, 0.2, 0.4, 0.4)])
def test_a_box_outside_or_within_one_pixel_still_has_a_crop(edges: tuple[float, ...]) -> None:
    crop = cut_face(paint([], 50, 40), box(*edges), landmarks_at(0, 0))
    assert min(crop_pixels(crop).shape) >= 1


def test_bytes_that_are_no_picture_are_an_error() -> None:
    with pytest.raises(ValueError, match="no PNG"):
        crop_pixels(Crop(b"junk", box(0, 0, 1, 1), landmarks_at(0, 0)))

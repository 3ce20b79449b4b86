"""Where a picture has changed."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.arrays import F32
from pipeline.detection.letterbox import place
from pipeline.detection.motion import changed_cells, grey_picture
from tests.detection.scenes import background, with_face

PLACED = place(640, 360, 320, 32)


def grey(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> F32:
    return grey_picture(image, PLACED)


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (333, 77), (9, 5)])
def test_a_grey_picture_has_a_cell_for_eight_pixels_of_the_scaled_frame(size: tuple[int, int]) -> None:
    width, height = size
    placed = place(width, height, 320, 32)

    picture = grey_picture(np.full((height, width, 3), 77, np.uint8), placed)

    assert picture.shape == (max(1, round(placed.height / 8)), max(1, round(placed.width / 8)))
    assert np.all(picture == 77.0)


def test_a_still_picture_has_not_changed() -> None:
    assert not changed_cells(grey(background()), grey(background())).any()


def test_a_face_that_appears_is_a_change_where_it_is() -> None:
    changed = changed_cells(grey(background()), grey(with_face(background(), (320, 160, 368, 208))))

    assert changed[10:13, 20:23].all()
    assert changed.sum() <= 25


@pytest.mark.parametrize("sigma", [2.0, 6.0, 12.0])
def test_noise_is_no_change(sigma: float) -> None:
    rng = np.random.default_rng(3)
    noisy = [
        np.clip(background() + rng.normal(0.0, sigma, (360, 640, 1)), 0, 255).astype(np.uint8)
        for _ in range(2)
    ]

    assert changed_cells(grey(noisy[0]), grey(noisy[1])).mean() < 0.005


def test_a_lamp_that_flickers_is_no_change() -> None:
    brighter = (background().astype(np.int16) + 25).astype(np.uint8)

    assert not changed_cells(grey(background()), grey(brighter)).any()


def test_a_face_in_flickering_light_is() -> None:
    brighter = (
        (with_face(background(), (320, 160, 368, 208)).astype(np.int16) + 20).clip(0, 255).astype(np.uint8)
    )

    assert changed_cells(grey(background()), grey(brighter))[10:13, 20:23].all()


def test_behind_a_cut_nearly_everything_has_changed() -> None:
    other = np.ascontiguousarray(background()[::-1, ::-1].transpose(1, 0, 2)[:360, :640])
    other = np.pad(other, ((0, 360 - other.shape[0]), (0, 640 - other.shape[1]), (0, 0)), mode="wrap")

    assert changed_cells(grey(background()), grey(other)).mean() > 0.4

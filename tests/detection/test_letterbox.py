"""Placing images in a network's input."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.detection.letterbox import letterbox, place


@pytest.mark.parametrize(
    ("size", "longer_px", "scaled", "input_shape"),
    [
        ((1920, 1080), 960, (960, 540), (544, 960)),
        ((640, 360), 960, (640, 360), (384, 640)),  # never up
        ((1, 1), 960, (1, 1), (32, 32)),
        ((5, 3), 960, (5, 3), (32, 32)),
        ((10000, 40), 960, (960, 4), (32, 960)),
        ((3, 10000), 960, (1, 960), (960, 32)),  # a side never vanishes
        ((700, 700), 100, (100, 100), (128, 128)),
    ],
)
def test_place(
    size: tuple[int, int], longer_px: int, scaled: tuple[int, int], input_shape: tuple[int, int]
) -> None:
    placed = place(*size, longer_px, 32)

    assert (placed.width, placed.height) == scaled
    assert placed.input_shape == input_shape


def test_to_image_undoes_the_scale_on_each_axis() -> None:
    placed = place(1000, 333, 100, 32)

    x, y = placed.to_image
    assert (placed.width * x, placed.height * y) == (1000, 333)


def test_it_keeps_pixels_and_pad_with_black() -> None:
    image = np.random.default_rng(0).integers(1, 256, (20, 40, 3), dtype=np.uint8)

    placed = letterbox([image], [place(40, 20, 960, 32)])

    assert placed.shape == (1, 32, 64, 3)
    np.testing.assert_array_equal(placed[0, :20, :40], image)
    assert not placed[0, 20:].any()
    assert not placed[0, :, 40:].any()


def test_it_averages_when_it_shrinks() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200  # thinner than the step: bilinear at a quarter would see only one of two columns

    placed = letterbox([stripes], [place(64, 64, 16, 16)])

    np.testing.assert_allclose(placed, 100.0, atol=1.0)

"""Standardising crops, held to a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from engines.arrays import U8
from engines.preprocess import Standardise


@pytest.fixture
def crops() -> U8:
    return np.random.default_rng(0).integers(0, 256, (3, 5, 5, 3)).astype(np.uint8)


@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_each_pixel(colour: str, crops: U8) -> None:
    mean, scale = (10.0, 20.0, 30.0), (1.0, 0.5, 0.25)
    planes = Standardise(mean, scale, "bgr" if colour == "bgr" else "rgb")(crops)

    assert planes.shape == (3, 3, 5, 5)
    assert planes.dtype == np.float32
    assert planes.flags.c_contiguous
    for row, y, x, channel in np.ndindex(3, 5, 5, 3):
        source = channel if colour == "rgb" else 2 - channel
        want = (float(crops[row, y, x, source]) - mean[channel]) * scale[channel]
        assert planes[row, channel, y, x] == want


def test_the_default_is_facenets(crops: U8) -> None:
    crops[0, 0, 0] = (0, 127, 255)

    assert Standardise()(crops)[0, :, 0, 0].tolist() == [-127.5 / 128, -0.5 / 128, 127.5 / 128]


def test_no_crop_is_a_batch_too() -> None:
    assert Standardise()(np.zeros((0, 160, 160, 3), np.uint8)).shape == (0, 3, 160, 160)


@pytest.mark.parametrize(
    "value", [np.zeros((5, 5, 3), np.uint8), np.zeros((1, 5, 5, 4), np.uint8), np.zeros((1, 5, 5, 3))]
)
def test_what_are_not_crops(value: U8) -> None:
    with pytest.raises(ValueError, match=r"crops must be uint8 \(N, S, S, 3\), got"):
        Standardise()(value)

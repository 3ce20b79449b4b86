"""Pixels on the host: there already, or made when they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.pixels import HostPixels, LazyPixels


def test_lazy_pixels_are_converted_once_when_first_asked() -> None:
    asked: list[int] = []

    def convert() -> U8:
        asked.append(1)
        return np.full((2, 3, 3), 7, np.uint8)

    pixels = LazyPixels((2, 3, 3), convert)
    assert (pixels.shape, asked) == ((2, 3, 3), [])
    assert pixels.to_host() is pixels.to_host()
    assert asked == [1]


def test_another_shape_of_lazy_pixels_is_refused_each_time() -> None:
    pixels = LazyPixels((2, 3, 3), lambda: np.zeros((3, 2, 3), np.uint8))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"pixels must be uint8 \(2, 3, 3\), got uint8 \(3, 2, 3\)"):
            pixels.to_host()


def test_one_that_asks_while_another_converts_gets_the_same() -> None:
    def convert() -> U8:
        if not inner:
            inner.append(np.zeros(0, np.uint8))
            inner[0] = pixels.to_host()  # as another thread would in the middle
        return np.full((1, 1, 3), 9, np.uint8)

    inner: list[U8] = []
    pixels = LazyPixels((1, 1, 3), convert)
    assert pixels.to_host().tolist() == inner[0].tolist() == [[[9, 9, 9]]]


def test_host_pixels_are_a_frame_or_a_batch_of_crops() -> None:
    assert HostPixels(np.zeros((4, 8, 8, 3), np.uint8)).shape == (4, 8, 8, 3)
    for wrong in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((8, 8, 3), np.float32)):
        with pytest.raises(ValueError, match="pixels must be uint8"):
            HostPixels(wrong)  # type: ignore[arg-type]


def test_some_of_a_batch_of_crops_are_taken_in_the_order_asked_for() -> None:
    crops = HostPixels(np.arange(3, dtype=np.uint8).repeat(12).reshape(3, 2, 2, 3))
    assert crops.take(np.array([2, 0])).to_host()[:, 0, 0, 0].tolist() == [2, 0]
    assert crops.take(np.zeros(0, np.int64)).shape == (0, 2, 2, 3)

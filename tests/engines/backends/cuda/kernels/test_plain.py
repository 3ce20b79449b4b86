"""The plain versions are what the CPU path does: OpenCV's bytes for pictures, FFmpeg's for colours."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.arrays import U8
from engines.backends.cuda.kernels import plain
from engines.backends.cuda.surface import Colour
from pipeline.alignment.crop import cut
from pipeline.capture.rgb import RgbConverter
from pipeline.detection.letterbox import letterbox, place
from tests.fake_gpus import picture

SIDES = st.integers(1, 400)


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES, st.sampled_from([32, 96, 160, 320]), st.integers(0, 1000))
def test_letterbox_is_the_detectors(height: int, width: int, longer_px: int, seed: int) -> None:
    image = picture(height, width, seed)
    placed = place(width, height, longer_px, 32)

    ours = plain.letterbox(image, (placed.height, placed.width), placed.input_shape)

    np.testing.assert_array_equal(ours, letterbox([image], [placed])[0])


@settings(max_examples=30, deadline=None)
@given(SIDES, SIDES, st.sampled_from([8, 33, 160]), st.integers(0, 1000))
def test_crops_are_the_alignments(height: int, width: int, side: int, seed: int) -> None:
    image = picture(height, width, seed)
    corners = np.random.default_rng(seed).uniform(-50, 450, (3, 4)).astype(np.float32)

    ours = [
        plain.crop(image, (x0, y0, x1, y1), side)
        for x0, y0, x1, y1 in plain.places(corners, width, height).tolist()
    ]

    np.testing.assert_array_equal(np.stack(ours), cut(image, corners, side))


@settings(max_examples=20, deadline=None)
@given(st.integers(16, 64), st.integers(0, 1000))
def test_small_pictures_are_those_that_quality_looks_at(side: int, seed: int) -> None:
    crop = picture(160, 160, seed)

    grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (side, side), interpolation=cv2.INTER_AREA)

    np.testing.assert_array_equal(plain.area_mean(plain.grey(crop), side, side)[..., 0], grey)


@pytest.mark.parametrize(
    ("colour", "colorspace", "color_range"),
    [
        (Colour.BT601_LIMITED, Colorspace.SMPTE170M, ColorRange.MPEG),
        (Colour.BT601_FULL, Colorspace.SMPTE170M, ColorRange.JPEG),
        (Colour.BT709_LIMITED, Colorspace.ITU709, ColorRange.MPEG),
        (Colour.BT709_FULL, Colorspace.ITU709, ColorRange.JPEG),
    ],
)
def test_colours_are_those_of_software_decoding(
    colour: Colour, colorspace: Colorspace, color_range: ColorRange
) -> None:
    luma, chroma = nv12_noise(48, 64)
    decoded = av.VideoFrame(64, 48, "yuv420p")  # what FFmpeg's decoders give: the same, but in three planes
    for plane, values in zip(decoded.planes, (luma, chroma[:, ::2], chroma[:, 1::2]), strict=True):
        room = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        room[:, : values.shape[1]] = values
    decoded.colorspace, decoded.color_range = colorspace, color_range

    theirs = RgbConverter().convert(decoded)

    np.testing.assert_array_equal(plain.nv12_to_rgb(luma, chroma, colour), theirs)


def test_a_picture_of_odd_sides_has_a_pair_for_its_last_pixels() -> None:
    luma, chroma = nv12_noise(5, 7)
    even, _ = nv12_noise(6, 8)
    even[:5, :7] = luma

    ours = plain.nv12_to_rgb(luma, chroma, Colour.BT709_LIMITED)

    np.testing.assert_array_equal(ours, plain.nv12_to_rgb(even, chroma, Colour.BT709_LIMITED)[:5, :7])


def test_candidates_come_in_the_maps_order_and_nan_is_none() -> None:
    maps = np.arange(15 * 6, dtype=np.float32).reshape(15, 2, 3)
    maps[0] = [[0.9, 0.5, np.nan], [0.1, 0.6, 0.50001]]

    found = plain.candidates(maps, 0.5)

    assert found.cells.tolist() == [0, 4, 5]
    np.testing.assert_array_equal(found.numbers, maps.reshape(15, 6)[:, [0, 4, 5]].T)


def nv12_noise(height: int, width: int) -> tuple[U8, U8]:
    """Planes of a picture (height, width), with bytes that no encoder would write too."""
    rng = np.random.default_rng(3)
    chroma = rng.integers(0, 256, (-(-height // 2), 2 * -(-width // 2)), dtype=np.uint8)
    return rng.integers(0, 256, (height, width), dtype=np.uint8), chroma

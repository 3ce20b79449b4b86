"""Colours, alpha and turns of decoded frames."""

from __future__ import annotations

import struct
import threading
from itertools import product
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.capture.rgb import UPRIGHT, Orientation, RgbConverter, orientation_of, over
from tests.capture.films import quarters

BT709, BT601 = 1, 6
"""AVCOL_SPC_BT709 and AVCOL_SPC_SMPTE170M"""


def yuv_frame(red: int, green: int, blue: int, space: int, full_range: bool) -> av.VideoFrame:
    """A flat 16x16 frame of this colour, in YUV by the book (ITU-R BT.709 or BT.601)."""
    kr, kb = (0.2126, 0.0722) if space == BT709 else (0.299, 0.114)
    y = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))
    if not full_range:
        y, cb, cr = 16 + y * 219 / 255, cb * 224 / 255, cr * 224 / 255
    planes = np.full((24, 16), round(y), np.uint8)
    planes[16:20], planes[20:] = round(cb + 128), round(cr + 128)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    frame.colorspace = space
    frame.color_range = 2 if full_range else 1
    return frame


@pytest.mark.parametrize(("space", "full_range"), list(product((BT709, BT601), (False, True))))
@pytest.mark.parametrize(
    "colour", [(200, 40, 40), (40, 180, 60), (30, 60, 220), (224, 172, 105), (16, 16, 16)]
)
def test_the_frame_says_by_which_matrix_and_range(
    colour: tuple[int, int, int], space: int, full_range: bool
) -> None:
    picture = RgbConverter().convert(yuv_frame(*colour, space, full_range))
    assert picture.shape == (16, 16, 3)
    np.testing.assert_allclose(picture.astype(int), np.broadcast_to(colour, (16, 16, 3)), atol=3)


def test_alpha_of_a_frame_is_laid_over_black() -> None:
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:] = (200, 100, 50, 255)
    rgba[:4, ..., 3] = 0
    rgba[4:, 4:, 3] = 128
    picture = RgbConverter().convert(av.VideoFrame.from_ndarray(rgba, format="rgba"))
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture[7, 0].tolist() == [200, 100, 50]
    np.testing.assert_allclose(picture[7, 7], [100, 50, 25], atol=1)


@pytest.mark.parametrize("background", [0, 255])
def test_over_is_what_one_pixel_at_a_time_gives(background: int) -> None:
    rgba = np.random.default_rng(3).integers(0, 256, (300, 5, 4), dtype=np.uint8)
    before = rgba.copy()
    exact = np.empty((300, 5, 3), np.uint8)
    for y, x in product(range(300), range(5)):
        *colour, alpha = rgba[y, x].tolist()
        exact[y, x] = [(value * alpha + background * (255 - alpha) + 127) // 255 for value in colour]
    np.testing.assert_array_equal(over(rgba, background), exact)
    np.testing.assert_array_equal(rgba, before)


def by_hand(picture: U8, orientation: Orientation) -> U8:
    turned = picture[:, ::-1] if orientation.mirrored else picture
    return np.rot90(turned, -orientation.quarter_turns)


@pytest.mark.parametrize(("mirrored", "turns"), list(product((False, True), range(4))))
def test_orientations(mirrored: bool, turns: int) -> None:
    picture = np.random.default_rng(4).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    orientation = Orientation(mirrored, turns)
    upright = orientation.apply(picture)
    np.testing.assert_array_equal(upright, by_hand(picture, orientation))
    assert upright.shape[1::-1] == orientation.size(7, 5)
    further = orientation.turned(270).apply(picture)
    np.testing.assert_array_equal(further, np.rot90(upright, -3))


@pytest.mark.parametrize(("exif", "turns"), [(1, 0), (3, 2), (6, 1), (8, 3)])
def test_a_frame_with_side_data_that_has_no_name_here(exif: int, turns: int, tmp_path: Path) -> None:
    """JPEG frames carry their EXIF beside the matrix, and PyAV has no name for EXIF."""
    jpeg = cv2.imencode(".jpg", quarters())[1].tobytes()
    tag = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + struct.pack("<HHI", exif, 0, 0)
    path = tmp_path / "turned.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(tag) + 2) + tag + jpeg[2:])
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert orientation_of(frame) == Orientation(quarter_turns=turns)
        assert orientation_of(frame, Orientation(quarter_turns=2)).quarter_turns == (turns or 2)


def test_pixels_are_converted_once_and_when_asked_for() -> None:
    calls = []

    class Counting(RgbConverter):
        def convert(self, frame: av.VideoFrame, orientation: Orientation = UPRIGHT) -> U8:
            calls.append(frame)
            return super().convert(frame, orientation)

    pixels = Counting().lazy(yuv_frame(9, 9, 9, BT601, True), Orientation(quarter_turns=1))
    assert pixels.shape == (16, 16, 3)
    assert calls == []
    assert pixels.to_host() is pixels.to_host()
    assert len(calls) == 1


def test_one_converter_serves_several_threads() -> None:
    converter = RgbConverter()
    frames = [yuv_frame(value, value, value, BT601, True) for value in range(0, 250, 10)]
    found: dict[int, list[int]] = {}

    def convert(worker: int) -> None:
        found[worker] = [int(converter.convert(frame)[0, 0, 0]) for frame in frames for _ in range(10)]

    workers = [threading.Thread(target=convert, args=(worker,)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
    assert len(found) == 4
    assert all(values == found[0] for values in found.values())
    np.testing.assert_allclose(found[0][::10], range(0, 250, 10), atol=1)

"""The kernels' own source, run by the host, gives the plain versions' bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.arrays import U8
from engines.backends.cuda.driver import Dim3, KernelArgument
from engines.backends.cuda.kernels import plain
from engines.backends.cuda.kernels.launch import Letterboxed
from engines.backends.cuda.surface import Colour, Layout, Surface, table
from pipeline.capture.rgb import Orientation
from pipeline.detection.letterbox import place
from tests.engines.backends.cuda.kernels.test_plain import nv12_noise
from tests.fake_gpus import host_kernels, picture

SIDES = st.integers(1, 300)
BLOCK = Dim3(32, 8)


def surface_of(image: U8, room: int = 0) -> tuple[Surface, U8]:
    """An RGB picture with `room` bytes more than it needs in each row; the array keeps the memory."""
    height, width, _ = image.shape
    stored = np.full((height, width * 3 + room), 255, np.uint8)
    stored[:, : width * 3] = image.reshape(height, -1)
    return Surface(stored.ctypes.data, width, height, stored.shape[1]), stored


def launched(name: str, rows: list[tuple[int, ...]], shape: tuple[int, ...], *numbers: int) -> U8:
    """What a kernel makes of a table: uint8 (count, height, width, 3) of this shape."""
    wanted = table(rows)
    output = np.full(shape, 7, np.uint8)
    grid = Dim3(-(-shape[2] // BLOCK.x), -(-shape[1] // BLOCK.y), shape[0])
    arguments: list[KernelArgument] = [np.uintp(wanted.ctypes.data), np.uintp(output.ctypes.data)]
    arguments += [np.int32(number) for number in numbers]
    host_kernels().run(name, grid, BLOCK, arguments)
    return output


@settings(max_examples=25, deadline=None)
@given(SIDES, SIDES, st.sampled_from([32, 96, 160]), st.integers(0, 64), st.integers(0, 1000))
def test_letterbox(height: int, width: int, longer_px: int, room: int, seed: int) -> None:
    image = picture(height, width, seed)
    surface, _kept = surface_of(image, room)
    placed = place(width, height, longer_px, 32)
    sides = placed.input_shape
    row = Letterboxed(surface, placed.width, placed.height, 0, 0, sides[1], sides[0], 0, 0, 0).row

    (made,) = launched("letterbox", [row], (1, *sides, 3), sides[1], sides[0])

    np.testing.assert_array_equal(made, plain.letterbox(image, (placed.height, placed.width), sides))


def test_letterbox_puts_rectangles_where_they_belong() -> None:
    image = picture(100, 150)
    surface, _kept = surface_of(image)
    small = plain.area_mean(image, 60, 90)
    rows = [
        Letterboxed(surface, 90, 60, 10, 20, 30, 25, 0, 4, 1).row,
        Letterboxed(surface, 90, 60, 80, 50, 20, 20, 40, 30, 0).row,  # reaches beyond the picture
    ]

    made = launched("letterbox", rows, (2, 64, 64, 3), 64, 64)

    expected = np.full((2, 64, 64, 3), 7, np.uint8)  # what no rectangle covers stays
    expected[1, 4:29, :30] = small[20:45, 10:40]
    expected[0, 30:50, 40:60] = 0
    expected[0, 30:40, 40:50] = small[50:, 80:]
    np.testing.assert_array_equal(made, expected)


@settings(max_examples=25, deadline=None)
@given(SIDES, SIDES, st.sampled_from([8, 33, 160]), st.integers(0, 1000))
def test_crops_of_several_pictures(height: int, width: int, side: int, seed: int) -> None:
    images = [picture(height, width, seed), picture(width, height, seed + 1)]
    kept = [surface_of(image) for image in images]
    corners = np.random.default_rng(seed).uniform(-50, 350, (2, 2, 4)).astype(np.float32)
    wanted = [
        (image, surface, (x0, y0, x1, y1))
        for image, (surface, _), boxes in zip(images, kept, corners, strict=True)
        for x0, y0, x1, y1 in plain.places(boxes, surface.width, surface.height).tolist()
    ]

    made = launched("crops", [each.row(where) for _, each, where in wanted], (4, side, side, 3), side)

    np.testing.assert_array_equal(
        made, np.stack([plain.crop(image, where, side) for image, _, where in wanted])
    )


@pytest.mark.parametrize("colour", Colour)
@pytest.mark.parametrize("quarter_turns", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_decoded_picture_is_turned_upright(colour: Colour, quarter_turns: int, mirrored: bool) -> None:
    luma, chroma = nv12_noise(23, 41)
    stored = np.zeros((23 + 12, 64), np.uint8)
    stored[:23, :41], stored[23:, :42] = luma, chroma
    flat = Surface(stored.ctypes.data, 41, 23, 64, Layout.NV12, stored[23:].ctypes.data, colour)
    surface = flat.turned(mirrored, quarter_turns)

    (made,) = launched("rgb", [surface.row()], (1, surface.height, surface.width, 3))

    upright = Orientation(mirrored, quarter_turns).apply(plain.nv12_to_rgb(luma, chroma, colour))
    np.testing.assert_array_equal(made, upright)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 30), st.integers(1, 40), st.floats(0, 1), st.integers(0, 1000))
def test_candidates(pictures: int, height: int, width: int, low_score: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = [rng.random((pictures, channels, height, width), np.float32) for channels in (1, 2, 2, 10)]
    cells, capacity = height * width, 200
    counts = np.zeros(pictures, np.int32)
    found = np.full((pictures, capacity), -1, np.int32)
    numbers = np.zeros((pictures, capacity, plain.NUMBERS), np.float32)
    pointers = [np.uintp(each.ctypes.data) for each in (*maps, counts, found, numbers)]

    host_kernels().run(
        "candidates",
        Dim3(-(-cells // 64), 1, pictures),
        Dim3(64),
        (*pointers, np.int32(cells), np.int32(capacity), np.float32(low_score)),
    )

    for row, whole in enumerate(np.concatenate(maps, axis=1)):
        wanted = plain.candidates(whole, low_score)
        assert counts[row] == len(wanted.cells)  # also where there is no room for them all
        here = min(int(counts[row]), capacity)
        order = np.argsort(found[row, :here])
        inside = np.isin(wanted.cells, found[row, :here])
        assert inside.sum() == here
        np.testing.assert_array_equal(numbers[row, :here][order], wanted.numbers[inside])


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(16, 64), min_size=1, max_size=3), st.integers(0, 1000))
def test_looks(sides: list[int], seed: int) -> None:
    crops = np.stack([picture(160, 160, seed + row) for row in range(len(sides))])
    grey, small = np.zeros((len(sides), 64 * 64), np.uint8), np.zeros((len(sides), 36, 36, 3), np.uint8)
    wanted = np.array(sides, np.int32)
    pointers = [np.uintp(each.ctypes.data) for each in (crops, wanted, grey, small)]
    numbers = (np.int32(160), np.int32(64 * 64), np.int32(36))

    host_kernels().run("looks", Dim3(2, 8, len(sides)), BLOCK, (*pointers, *numbers))

    for row, side in enumerate(sides):
        expected = plain.area_mean(plain.grey(crops[row]), side, side)[..., 0]
        np.testing.assert_array_equal(grey[row, : side * side].reshape(side, side), expected)
        np.testing.assert_array_equal(small[row], plain.area_mean(crops[row], 36, 36))

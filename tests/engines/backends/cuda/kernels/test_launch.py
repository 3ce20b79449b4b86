"""Launching: each kernel finds its pictures through the driver, in memory that is large enough, and gives it back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.arrays import F32
from engines.backends.cuda.driver import DeviceMemory
from engines.backends.cuda.kernels import plain
from engines.backends.cuda.kernels.launch import (
    CandidatesAt,
    InputAt,
    Kernels,
    Letterboxed,
    MapsAt,
    Tables,
    read_candidates,
)
from engines.backends.cuda.surface import Surface
from engines.errors import BuildError
from pipeline.device.shared import SharedGpu
from tests.fake_gpus import driver_of, fake_gpu, picture


def test_candidates_of_a_batch_in_one_stretch_of_memory() -> None:
    rng = np.random.default_rng(0)
    maps: list[F32] = [rng.random((2, channels, 8, 12), np.float32) for channels in (1, 2, 2, 10)]
    with fake_gpu() as gpu, gpu.driver.current():
        stream = gpu.driver.new_stream()
        memory = [uploaded(gpu, each) for each in maps]
        size = CandidatesAt.size_bytes(2, 96)
        kept = gpu.driver.allocate_device(size)
        at = CandidatesAt.in_bytes(kept.pointer, 2, 96)

        heat, scale, offset, points = (each.pointer for each in memory)
        gpu.kernels.candidates(MapsAt(heat, scale, offset, points, 2, 96), at, 0.7, stream)
        gpu.driver.synchronise(stream)

        said = gpu.bus.down(kept.pointer, (size,))
        for row, found in enumerate(read_candidates(said, 2, 96)):
            wanted = plain.candidates(np.concatenate([each[row] for each in maps]), 0.7)
            assert found is not None
            np.testing.assert_array_equal(found.cells, wanted.cells)
            np.testing.assert_array_equal(found.numbers, wanted.numbers)
        assert read_candidates(said[: CandidatesAt.size_bytes(2, 5)], 2, 5) == [None, None]  # no room for all
        for each in (*memory, kept):
            gpu.driver.free_device(each)
        gpu.driver.free_stream(stream)


def test_candidates_come_in_the_maps_order_whatever_order_they_were_found_in() -> None:
    cells = np.array([[7, 2, 5, -1]], np.int32)
    numbers = np.repeat(cells.astype(np.float32)[..., None], plain.NUMBERS, axis=2)
    said = np.concatenate([np.array([3], np.int32), cells.ravel(), numbers.view(np.int32).ravel()])

    (found,) = read_candidates(said.view(np.uint8), 1, 4)

    assert found is not None
    assert found.cells.tolist() == [2, 5, 7]
    assert found.numbers[:, 0].tolist() == [2.0, 5.0, 7.0]


def test_candidates_are_counted_from_nothing_each_time() -> None:
    cells = 300  # more than a block of threads, and no multiple of one
    maps: list[F32] = [np.ones((1, channels, 1, cells), np.float32) for channels in (1, 2, 2, 10)]
    with fake_gpu() as gpu, gpu.driver.current():
        stream, memory = gpu.driver.new_stream(), [uploaded(gpu, each) for each in maps]
        kept = gpu.driver.allocate_device(CandidatesAt.size_bytes(1, cells))
        at = CandidatesAt.in_bytes(kept.pointer, 1, cells)
        heat, scale, offset, points = (each.pointer for each in memory)
        for _ in range(2):
            gpu.kernels.candidates(MapsAt(heat, scale, offset, points, 1, cells), at, 0.5, stream)
            gpu.driver.synchronise(stream)
            (found,) = read_candidates(gpu.bus.down(kept.pointer, (kept.size_bytes,)), 1, cells)
            assert found is not None
            assert found.cells.tolist() == list(range(cells))
        for each in (*memory, kept):
            gpu.driver.free_device(each)
        gpu.driver.free_stream(stream)


def test_a_launch_covers_pictures_that_are_no_multiple_of_a_block() -> None:
    image = picture(37, 41, 0)  # blocks are 32 wide and 8 high
    places = [(0, 0, 33, 9), (4, 3, 37, 41)]  # the second is the larger one
    with fake_gpu() as gpu, gpu.driver.current():
        stream, tables = gpu.driver.new_stream(), Tables(gpu.driver)
        height, width, _ = image.shape
        memory, made = uploaded(gpu, image), gpu.driver.allocate_device(2 * width * height * 3)
        surface = Surface(memory.pointer, width, height, width * 3)
        parts = [
            Letterboxed(surface, width, height, x0, y0, x1 - x0, y1 - y0, x0, y0, slot)
            for slot, (x0, y0, x1, y1) in enumerate(places)
        ]
        gpu.driver.fill(made.pointer, 0, made.size_bytes, stream)
        rows = tables.put([each.row for each in parts], stream)

        gpu.kernels.letterbox(rows, parts, InputAt(made.pointer, width, height), stream)
        gpu.driver.synchronise(stream)

        found = gpu.bus.down(made.pointer, (2, height, width, 3))
        for slot, (x0, y0, x1, y1) in enumerate(places):
            wanted = np.zeros_like(image)
            wanted[y0:y1, x0:x1] = image[y0:y1, x0:x1]
            np.testing.assert_array_equal(found[slot], wanted)
        tables.close()
        gpu.driver.free_device(memory)
        gpu.driver.free_device(made)
        gpu.driver.free_stream(stream)


def test_looks_of_crops_on_the_device() -> None:
    crops = np.stack([picture(160, 160, seed) for seed in range(3)])
    sides = np.array([16, 40, 64], np.int32)
    with fake_gpu() as gpu, gpu.driver.current():
        stream, tables = gpu.driver.new_stream(), Tables(gpu.driver)
        memory = [
            uploaded(gpu, crops),
            *(gpu.driver.allocate_device(3 * each) for each in (4096, 36 * 36 * 3)),
        ]
        wanted = tables.put_numbers(sides.view(np.uint8), stream)

        gpu.kernels.looks(memory[0].pointer, wanted, memory[1].pointer, memory[2].pointer, 3, 160, stream)
        gpu.driver.synchronise(stream)

        grey = gpu.bus.down(memory[1].pointer, (3, 4096))
        small = gpu.bus.down(memory[2].pointer, (3, 36, 36, 3))
        for row, side in enumerate(sides.tolist()):
            expected = plain.area_mean(plain.grey(crops[row]), side, side)
            np.testing.assert_array_equal(grey[row, : side * side], expected.reshape(-1))
            np.testing.assert_array_equal(small[row], plain.area_mean(crops[row], 36, 36))
        tables.close()
        for each in memory:
            gpu.driver.free_device(each)
        gpu.driver.free_stream(stream)


def test_a_table_grows_with_its_batch() -> None:
    with fake_gpu() as gpu, gpu.driver.current():
        stream, tables = gpu.driver.new_stream(), Tables(gpu.driver)
        row = Surface(1, 4, 4, 12).row((0, 0, 4, 4))
        for count in (1, 64, 65, 3):
            pointer = tables.put([row] * count, stream)
            gpu.driver.synchronise(stream)
            held = driver_of(gpu).device.bytes_at(pointer, count * 136).view(np.int64).reshape(count, 17)
            assert held.tolist() == [list(row)] * count
        tables.close()
        gpu.driver.free_stream(stream)


def test_a_kernel_that_cannot_be_compiled_ends_the_opening() -> None:
    def refuses(name: str, capability: str) -> bytes:
        raise BuildError(f"{name} for {capability}")

    with fake_gpu() as gpu:
        kernels = Kernels(gpu.driver, "9.9", refuses)
        with pytest.raises(BuildError, match=r"candidates for 9\.9"):
            kernels.open()
        kernels.close()


def uploaded(gpu: SharedGpu, array: NDArray[Any]) -> DeviceMemory:
    """A copy on the device."""
    memory = gpu.driver.allocate_device(array.nbytes)
    gpu.bus.up(array.reshape(-1).view(np.uint8), memory.pointer)
    return memory

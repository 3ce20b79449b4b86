"""A frame crosses the bus once; its copy goes when the frame goes, when it is forgotten, or when room is needed."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from engines.backends.cuda.driver import OutOfDeviceMemoryError
from engines.backends.cuda.kernels import plain
from engines.backends.cuda.pool import GRAIN_BYTES
from engines.backends.cuda.surface import Colour, Layout, Surface
from pipeline.device.pixels import DeviceFramePixels
from pipeline.pixels import HostPixels, LazyPixels
from tests.fake_gpus import driver_of, fake_gpu, picture

SIDE = 100
"""of a picture that takes one grain"""


def test_a_frame_crosses_once_and_is_known_again() -> None:
    image = picture(SIDE, SIDE)
    frame = LazyPixels(image.shape, lambda: image)
    with fake_gpu() as gpu:
        first = gpu.frames.surface(frame)
        again = gpu.frames.surface(frame)
        same = gpu.frames.surface(HostPixels(frame.to_host()))  # other pixels, the same picture

        assert again is first is same
        assert gpu.bus.crossed.up_bytes == image.nbytes
        np.testing.assert_array_equal(gpu.frames.fetch(first), image)
        del first, again, same


def test_its_copy_goes_when_nobody_holds_the_frame() -> None:
    with fake_gpu() as gpu:
        pixels = HostPixels(picture(SIDE, SIDE))
        pointer = gpu.frames.surface(pixels).pointer
        assert len(gpu.frames) == 1

        del pixels
        gc.collect()

        assert len(gpu.frames) == 0
        other = HostPixels(picture(SIDE, SIDE, seed=1))
        assert gpu.frames.surface(other).pointer == pointer  # its memory is used again
        np.testing.assert_array_equal(gpu.frames.fetch(gpu.frames.surface(other)), other.to_host())


def test_a_surface_that_is_held_keeps_its_memory() -> None:
    with fake_gpu() as gpu:
        image = picture(SIDE, SIDE)
        pixels = HostPixels(image)
        surface = gpu.frames.surface(pixels)

        gpu.frames.forget(pixels)
        other = gpu.frames.surface(HostPixels(picture(SIDE, SIDE, seed=1)))

        assert other.pointer != surface.pointer
        np.testing.assert_array_equal(gpu.frames.fetch(surface), image)
        del surface, other


def test_the_oldest_copies_make_room_and_come_back() -> None:
    frames = [HostPixels(picture(SIDE, SIDE, seed)) for seed in range(5)]
    with fake_gpu(max_bytes=3 * GRAIN_BYTES) as gpu:
        for pixels in (*frames, frames[0]):
            surface = gpu.frames.surface(pixels)
            held = driver_of(gpu).device.bytes_at(surface.pointer, pixels.array.nbytes)
            np.testing.assert_array_equal(held, pixels.array.reshape(-1))
            del surface
        assert len(gpu.frames) == 3
        assert gpu.bus.crossed.up_copies == 6
        assert gpu.pool.held_bytes == 3 * GRAIN_BYTES


def test_where_all_is_in_use_it_says_so() -> None:
    frames = [HostPixels(picture(SIDE, SIDE, seed)) for seed in range(3)]
    with fake_gpu(max_bytes=2 * GRAIN_BYTES) as gpu:
        held = [gpu.frames.surface(pixels) for pixels in frames[:2]]
        with pytest.raises(OutOfDeviceMemoryError, match="in use"):
            gpu.frames.surface(frames[2])
        held.clear()


def test_a_frame_that_was_decoded_there_stays_there_until_it_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    stored = rng.integers(16, 236, (24 + 12, 64), dtype=np.uint8)
    with fake_gpu() as gpu:
        with gpu.driver.current():
            lease = gpu.pool.take(stored.nbytes)
            gpu.bus.up(stored, lease.pointer)
        flat = Surface(
            *(lease.pointer, 40, 24, 64, Layout.NV12),
            chroma_pointer=lease.pointer + 24 * 64,
            colour=Colour.BT709_LIMITED,
            owner=lease,
        )
        pixels = DeviceFramePixels(flat.turned(False, 1), gpu.frames.fetch)
        before = gpu.bus.crossed

        assert gpu.frames.surface(pixels) is pixels.surface
        assert pixels.shape == (40, 24, 3)
        assert gpu.bus.crossed == before
        upright = np.rot90(plain.nv12_to_rgb(stored[:24, :40], stored[24:, :40], Colour.BT709_LIMITED), -1)
        np.testing.assert_array_equal(pixels.to_host(), upright)
        assert pixels.to_host() is pixels.to_host()
        assert gpu.bus.crossed.down_bytes == 40 * 24 * 3
        gpu.frames.forget(pixels)
        del flat, lease, pixels

"""On a GPU that is there: the kernels give the bytes that they give on the fake one."""

from __future__ import annotations

import numpy as np
import pytest

from engines.backends.cuda.gpus import Gpu
from engines.backends.cuda.kernels import plain
from engines.backends.cuda.kernels.launch import InputAt
from pipeline.alignment.crop import CropRule
from pipeline.alignment.on_device import DeviceCut, FrameFaces
from pipeline.detection.letterbox import letterbox, place
from pipeline.detection.look import Look
from pipeline.detection.on_device import placed
from pipeline.device.lane import Lane
from pipeline.pixels import HostPixels
from tests.alignment.test_on_device import faces
from tests.fake_gpus import picture, real_gpu

pytestmark = pytest.mark.gpu


def test_letterbox(pycuda_gpu: Gpu) -> None:
    images = [HostPixels(picture(720 + row, 1280, row)) for row in range(4)]
    placements = [place(1280, image.shape[0], 640, 32) for image in images]
    height, width = placements[0].input_shape
    with real_gpu(pycuda_gpu) as gpu:
        surfaces = [gpu.frames.surface(image) for image in images]
        with gpu.driver.current():
            lane, lease = Lane(gpu.driver), gpu.pool.take(4 * height * width * 3)
            looks = [Look(image, each) for image, each in zip(images, placements, strict=True)]
            parts = [
                part
                for slot, (look, surface) in enumerate(zip(looks, surfaces, strict=True))
                for part in placed(look, surface, slot)
            ]
            table = lane.tables.put([part.row for part in parts], lane.stream)
            gpu.kernels.letterbox(table, parts, InputAt(lease.pointer, width, height), lane.stream)
            lane.synchronise()
            made = gpu.bus.down(lease.pointer, (4, height, width, 3))
            lane.close()
        del surfaces, looks, parts, lease
    np.testing.assert_array_equal(made, letterbox([image.array for image in images], placements))


def test_crops_of_several_frames(pycuda_gpu: Gpu) -> None:
    rule = CropRule(size_px=160, margin_px=0.0, margin_fraction=0.14)
    frames = [FrameFaces(HostPixels(picture(900, 700, row)), faces(5, row)) for row in range(3)]
    with real_gpu(pycuda_gpu) as gpu:
        cut = DeviceCut(rule, gpu)
        for frame, crops in zip(frames, cut.together(frames), strict=True):
            np.testing.assert_array_equal(crops.to_host(), rule.crops(frame.pixels.to_host(), frame.faces))
        del crops
        cut.close()


def test_small_pictures_of_crops(pycuda_gpu: Gpu) -> None:
    crops = np.stack([picture(160, 160, seed) for seed in range(5)])
    sides = np.array([16, 23, 40, 63, 64], np.int32)
    with real_gpu(pycuda_gpu) as gpu:
        with gpu.driver.current():
            lane = Lane(gpu.driver)
            whole, grey, small = (gpu.pool.take(5 * size) for size in (160 * 160 * 3, 4096, 36 * 36 * 3))
            gpu.bus.up(crops, whole.pointer)
            table = lane.tables.put_numbers(sides.view(np.uint8), lane.stream)
            gpu.kernels.looks(whole.pointer, table, grey.pointer, small.pointer, 5, 160, lane.stream)
            lane.synchronise()
            greys = gpu.bus.down(grey.pointer, (5, 4096))
            smalls = gpu.bus.down(small.pointer, (5, 36, 36, 3))
            lane.close()
        del whole, grey, small
    for row, side in enumerate(sides.tolist()):
        wanted = plain.area_mean(plain.grey(crops[row]), side, side).reshape(-1)
        np.testing.assert_array_equal(greys[row, : side * side], wanted)
        np.testing.assert_array_equal(smalls[row], plain.area_mean(crops[row], 36, 36))

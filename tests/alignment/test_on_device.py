"""Crops cut on a GPU are the processor's, byte for byte, of one frame or of several."""

from __future__ import annotations

import numpy as np

from pipeline.alignment.crop import CropRule
from pipeline.alignment.on_device import DeviceCut, FrameFaces
from pipeline.pixels import HostPixels
from pipeline.types import Faces
from tests.fake_gpus import fake_gpu, picture

RULE = CropRule(size_px=160, margin_px=0.0, margin_fraction=0.14)


def faces(count: int, seed: int) -> Faces:
    """Of any size, some over the frame's edge."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-40, 500, (count, 2)).astype(np.float32)
    sides = rng.uniform(4, 380, (count, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + sides], 1)
    return Faces(boxes, np.zeros((count, 5, 2), np.float32), np.ones(count, np.float32))


def test_one_frame() -> None:
    image, found = picture(480, 520), faces(6, 0)
    with fake_gpu() as gpu:
        cut = DeviceCut(RULE, gpu)

        crops = cut(HostPixels(image), found)

        assert crops.shape == (6, 160, 160, 3)
        assert gpu.bus.crossed.down_bytes == 0
        np.testing.assert_array_equal(crops.to_host(), RULE.crops(image, found))
        assert cut(HostPixels(image), Faces.none()).shape == (0, 160, 160, 3)
        del crops
        cut.close()


def test_several_frames_in_one_launch() -> None:
    frames = [FrameFaces(HostPixels(picture(400, 300, row)), faces(row, row)) for row in (3, 0, 2)]
    with fake_gpu() as gpu:
        cut = DeviceCut(RULE, gpu)

        crops = cut.together(frames)

        for frame, found in zip(frames, crops, strict=True):
            np.testing.assert_array_equal(found.to_host(), RULE.crops(frame.pixels.to_host(), frame.faces))
        assert gpu.bus.crossed.up_copies == 2  # the frame without a face stays where it is
        assert len(gpu.frames) == 0
        del crops, found
        cut.close()

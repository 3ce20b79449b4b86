"""Crops stay on the device until somebody asks, and then come once."""

from __future__ import annotations

import numpy as np

from engines.backends.cuda.device_array import DeviceArray
from pipeline.device.pixels import CropBatch, DeviceCrops
from tests.fake_gpus import fake_gpu, picture


def test_crops_of_a_batch_share_one_copy() -> None:
    crops = np.stack([picture(8, 8, seed) for seed in range(4)])
    with fake_gpu() as gpu:
        with gpu.driver.current():
            lease = gpu.pool.take(crops.nbytes)
            gpu.bus.up(crops, lease.pointer)
        batch = CropBatch(DeviceArray(lease.pointer, crops.shape, "uint8", lease), gpu.driver, gpu.bus)
        some = DeviceCrops(batch, np.array([3, 1, 0]))
        fewer = some.take(np.array([2, 0]))

        assert (some.shape, fewer.shape) == ((3, 8, 8, 3), (2, 8, 8, 3))
        assert gpu.bus.crossed.down_copies == 0
        np.testing.assert_array_equal(some.to_host(), crops[[3, 1, 0]])
        np.testing.assert_array_equal(fewer.to_host(), crops[[0, 3]])
        assert gpu.bus.crossed.down_copies == 1
        del lease, batch, some, fewer

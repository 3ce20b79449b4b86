"""Networks on fake GPUs whose answers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engines.arrays import F32, U8, Batch
from engines.backends.base import EngineInfo, TensorSpec
from engines.backends.cuda.driver import Driver
from engines.backends.cuda.fake_accounts import Failure
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_gpu import FakeGpu
from engines.backends.cuda.fake_network import FakeNetwork
from engines.build.tensorrt_profiles import Profile

CROPS = (TensorSpec("crops", ("n", 4, 4, 3), "uint8"),)
FRAMES = (TensorSpec("frames", ("n", "h", "w", 3), "uint8"),)
OUTPUTS = (TensorSpec("vectors", ("n", 3)), TensorSpec("heat", ("n", 1)))
FACES = (Profile("crops", (1, 4, 4, 3), (4, 4, 4, 3), (8, 4, 4, 3)),)
PICTURES = (
    Profile("frames", (1, 8, 8, 3), (2, 8, 8, 3), (4, 16, 16, 3)),
    Profile("frames", (1, 8, 8, 3), (1, 32, 32, 3), (2, 32, 32, 3)),
)
INFO = EngineInfo("tensorrt", "Fake GPU", "fp16", "a test")


def means(inputs: Mapping[str, Batch]) -> dict[str, F32]:
    """The mean of each channel, and of all: rows do not influence each other."""
    (images,) = inputs.values()
    vectors = images.mean(axis=(1, 2), dtype=np.float64)
    return {
        "vectors": vectors.astype(np.float32),
        "heat": vectors.mean(axis=1, keepdims=True).astype(np.float32),
    }


def crops(count: int, seed: int = 0) -> U8:
    return np.random.default_rng((seed, count)).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)


def frames(count: int, height: int, width: int) -> U8:
    shape = (count, height, width, 3)
    return np.random.default_rng((count, height, width)).integers(0, 256, shape, dtype=np.uint8)


def opened(memory_bytes: int = 1 << 24, failures: tuple[Failure, ...] = ()) -> FakeDriver:
    driver = FakeDriver(FakeGpu(memory_bytes), failures)
    driver.open()
    return driver


def of_faces(driver: Driver, capturable: bool = True) -> FakeNetwork:
    assert isinstance(driver, FakeDriver)
    return FakeNetwork(driver, means, CROPS, OUTPUTS, FACES, capturable=capturable)


def of_frames(driver: Driver) -> FakeNetwork:
    assert isinstance(driver, FakeDriver)
    return FakeNetwork(driver, means, FRAMES, OUTPUTS, PICTURES)

"""A fake GPU that runs the kernels' own source, for the tests of everything that works on one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engines.backends.base import Engine
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_engine import on_fake_gpu
from engines.backends.cuda.fake_gpu import FakeGpu
from engines.backends.cuda.gpus import Gpu
from engines.backends.cuda.kernels.launch import Kernels
from engines.backends.cuda.kernels.on_fake import fake_kernels
from engines.backends.cuda.kernels.on_host import COMPILERS, HostKernels
from engines.backends.cuda.pycuda_driver import PycudaDriver
from engines.backends.tensorrt import TensorrtEngine
from pipeline.arrays import U8
from pipeline.device.shared import SharedGpu


def promised(what: str) -> bool:
    """Whether FACESTREAM_REQUIRE promises that this is there, so that its absence is a failure."""
    return what in os.environ.get("FACESTREAM_REQUIRE", "").split(",")


@cache
def host_kernels() -> HostKernels:
    """The kernels by a C++ compiler; skips the test where there is none and none is promised."""
    if not promised("compiler") and not any(map(shutil.which, COMPILERS)):
        pytest.skip("no C++ compiler is installed")
    with tempfile.TemporaryDirectory() as folder:
        return HostKernels(Path(folder))  # what is loaded stays when its file is gone


@contextmanager
def fake_gpu(max_bytes: int = 256 << 20) -> Iterator[SharedGpu]:
    """A shared GPU over a fake one, whose driver finds nothing left when it is closed."""
    device = FakeGpu(memory_bytes=2 << 30, kernels=fake_kernels(host_kernels()))
    driver = FakeDriver(device)
    with SharedGpu(driver, Kernels(driver, "9.0", lambda name, _: name.encode()), max_bytes) as gpu:
        yield gpu
    assert driver.leaks == ()


@contextmanager
def real_gpu(gpu: Gpu, max_bytes: int = 1 << 30) -> Iterator[SharedGpu]:
    """A shared GPU over one that is there, for tests marked gpu."""
    driver = PycudaDriver(gpu.index)
    with SharedGpu(driver, Kernels(driver, gpu.compute_capability), max_bytes) as shared:
        yield shared


@contextmanager
def on_gpu(engine: Engine, gpu: SharedGpu, most: int = 8) -> Iterator[TensorrtEngine]:
    """An engine of the processor as one of TensorRT's on the same fake GPU, for up to `most` rows a run; opened."""
    theirs = FakeDriver(driver_of(gpu).device)
    with engine, on_fake_gpu(engine, theirs, most) as wrapped:
        yield wrapped
    assert theirs.leaks == ()


def driver_of(gpu: SharedGpu) -> FakeDriver:
    """The fake behind it."""
    assert isinstance(gpu.driver, FakeDriver)
    return gpu.driver


def picture(height: int, width: int, seed: int = 0) -> U8:
    """Noise (height, width, 3): every pixel that is misplaced is seen."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

"""What tests of several packages share: the real faces and videos, and the real models."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from engines.backends.choose import choose
from engines.backends.cuda.gpus import Gpu, gpus_here
from engines.backends.cuda.pycuda_driver import has_pycuda
from engines.backends.tensorrt import tensorrt_here
from engines.prepare import prepare
from engines.zoo.catalogue import Catalogue, read_catalogue
from pipeline.detection.centerface import CenterFace

THREADS_END_S = 10.0
"""how long a thread may outlive its test"""

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    """A test that leaves a thread behind fails: one that never ends would slow down, or stop, all that come after."""
    before = set(threading.enumerate())
    yield
    stayed = [each for each in threading.enumerate() if each not in before]
    until = time.monotonic() + THREADS_END_S
    for thread in stayed:
        thread.join(max(until - time.monotonic(), 0.0))
    stayed = [each for each in stayed if each.is_alive()]
    assert not stayed, f"threads that the test left running: {stayed}"


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real faces and videos; where FACESTREAM_REQUIRE promises `data`, its absence is a failure."""
    folder = os.environ.get("FACESTREAM_TEST_DATA")
    if folder:
        return Path(folder)
    if "data" in os.environ.get("FACESTREAM_REQUIRE", "").split(","):
        pytest.fail("FACESTREAM_REQUIRE promises data, and FACESTREAM_TEST_DATA is not set")
    pytest.skip("FACESTREAM_TEST_DATA is not set")


@pytest.fixture(scope="session")
def gpu() -> Gpu:
    """The first GPU; where FACESTREAM_REQUIRE promises `gpu`, its absence is a failure."""
    here = gpus_here()
    if not here.gpus:
        _lacks("gpu", here.reason)
    return here.gpus[0]


@pytest.fixture(scope="session")
def pycuda_gpu(gpu: Gpu) -> Gpu:
    """The first GPU, where PyCUDA is installed; promised by `gpu` too."""
    if not has_pycuda():
        _lacks("gpu", "PyCUDA is not installed")
    return gpu


@pytest.fixture(scope="session")
def tensorrt_gpu(gpu: Gpu) -> Gpu:
    """The first GPU, where TensorRT runs on it; promised by `tensorrt`."""
    here = tensorrt_here(gpu.index)
    if isinstance(here, str):
        _lacks("tensorrt", here)
    return gpu


def _lacks(what: str, reason: str) -> NoReturn:
    """Skips, or fails where FACESTREAM_REQUIRE promises it."""
    if what in os.environ.get("FACESTREAM_REQUIRE", "").split(","):
        pytest.fail(f"FACESTREAM_REQUIRE promises {what}: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def videos(test_data: Path) -> Path:
    """The folder of real recordings."""
    return test_data / "video"


@pytest.fixture(scope="session")
def photos(test_data: Path) -> Path:
    """The folder of real people's photos."""
    return test_data / "people"


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The models that ship with the project."""
    return read_catalogue(ROOT / "config" / "models.yaml")


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Where `make models` puts the real model files."""
    return Path(os.environ.get("FACESTREAM_MODELS") or ROOT / "models")


@pytest.fixture(scope="session")
def centerface(catalogue: Catalogue, models_dir: Path) -> Iterator[CenterFace]:
    """CenterFace as cameras use it by default."""
    with prepare("centerface", catalogue, models_dir, choose()).engine as engine:
        yield CenterFace(engine, 960, low_score=0.5, max_iou=0.3)

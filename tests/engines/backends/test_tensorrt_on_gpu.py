"""TensorRT and PyCUDA on a GPU: the answers, the graphs, the leaks, two workers. Needs the device, all of it."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from engines.arrays import F32, U8
from engines.backends.base import EngineInfo
from engines.backends.choose import choose
from engines.backends.cuda.driver import Driver
from engines.backends.cuda.gpus import Gpu
from engines.backends.cuda.pycuda_driver import PycudaDriver
from engines.backends.cuda.session import GpuLimits
from engines.backends.tensorrt import TensorrtEngine
from engines.backends.torch import TorchEngine
from engines.build.from_description import torch_engine, write_model_onnx
from engines.build.tensorrt_facts import GpuHere, TensorrtOptions
from engines.build.tensorrt_from_onnx import write_engine
from engines.build.tensorrt_profiles import profiles_for
from engines.errors import BackendError
from tests.engines.tiny import detector_onnx, own_model

pytestmark = pytest.mark.gpu

RUNS = 200
LEAK_BYTES = 64 << 20
"""what CUDA and TensorRT may keep for good after the first engine: code, and blocks they will use again"""
INFO = EngineInfo("tensorrt", "this GPU", "fp32", "a test")


@pytest.fixture(scope="module")
def folder(tensorrt_gpu: Gpu, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny detector as ONNX and as an engine for this GPU."""
    folder = tmp_path_factory.mktemp("tensorrt")
    model = own_model(folder / "tiny.onnx", detector_onnx())
    write_model_onnx(model, folder / "tiny.onnx", folder / "pixels.onnx")
    reference = torch_engine(model, folder / "tiny.onnx", choose("torch").info)
    options = TensorrtOptions("fp32", profiles_for(reference.inputs[0]))
    there = GpuHere(tensorrt_gpu.name, tensorrt_gpu.compute_capability)
    write_engine(folder / "pixels.onnx", folder / "model.engine", options, there)
    return folder


def engine(folder: Path, limits: GpuLimits | None = None, driver: Driver | None = None) -> TensorrtEngine:
    reference = truth(folder)
    return TensorrtEngine(
        "tiny",
        folder / "model.engine",
        reference.inputs,
        reference.outputs,
        INFO,
        limits or GpuLimits(memory_bytes=1 << 30),
        driver,
    )


def truth(folder: Path) -> TorchEngine:
    model = own_model(folder / "tiny.onnx", detector_onnx())
    return torch_engine(model, folder / "tiny.onnx", choose("torch").info)


def images(count: int, height: int = 64, width: int = 96) -> U8:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_it_says_what_torch_says(folder: Path) -> None:
    with engine(folder) as fast, truth(folder) as plain:
        for count in (1, 3, 32, 40):
            batch = {"image": images(count)}
            found, expected = fast.infer(batch), plain.infer(batch)
            for name, value in expected.items():
                np.testing.assert_allclose(found[name], value, atol=1e-3 * float(np.abs(value).max()))


def test_a_graph_gives_the_bits_of_a_plain_run(folder: Path) -> None:
    plainly = GpuLimits(memory_bytes=1 << 30, graphs=0)
    with engine(folder) as graphs, engine(folder, plainly) as plain:
        for count in (1, 2, 8):
            batch = {"image": images(count)}
            expected = plain.infer(batch)
            for _ in range(4):  # plainly, before the capture, twice as a graph
                for name, value in graphs.infer(batch).items():
                    np.testing.assert_array_equal(value, expected[name])


def test_a_rows_bits_do_not_depend_on_its_batch(folder: Path) -> None:
    with engine(folder) as tiny:
        batch = images(32)
        together = tiny.infer({"image": batch})
        for count in (1, 2, 5, 8, 17):
            apart = tiny.infer({"image": batch[:count]})
            for name, value in apart.items():
                np.testing.assert_array_equal(value, together[name][:count])


def free_bytes(driver: Driver) -> int:
    with driver.current():
        return driver.memory().free_bytes


def test_nothing_leaks(folder: Path, tensorrt_gpu: Gpu) -> None:
    watching = PycudaDriver(tensorrt_gpu.index)
    watching.open()
    for step in range(RUNS):
        with engine(folder) as tiny:
            for _ in range(3):
                tiny.infer({"image": images(2)})
        if step == 0:
            before = free_bytes(watching)
    assert free_bytes(watching) >= before - LEAK_BYTES
    watching.close()


def test_two_workers_on_two_threads(folder: Path) -> None:
    with truth(folder) as plain:
        expected = {count: plain.infer({"image": images(count)})["heat"] for count in (1, 3, 8)}
    wrong: list[str] = []

    def work(offset: int) -> None:
        try:
            with engine(folder) as tiny:
                for step in range(50):
                    count = (1, 3, 8)[(step + offset) % 3]
                    found: F32 = tiny.infer({"image": images(count)})["heat"]
                    if not np.allclose(
                        found, expected[count], atol=1e-3 * float(np.abs(expected[count]).max())
                    ):
                        wrong.append(f"worker {offset}, step {step}")
        except BackendError as error:
            wrong.append(str(error))

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_out_of_memory_is_said_and_survived(folder: Path, tensorrt_gpu: Gpu) -> None:
    hungry = PycudaDriver(tensorrt_gpu.index)
    hungry.open()
    with engine(folder, GpuLimits(memory_bytes=1 << 40)) as tiny:
        tiny.infer({"image": images(1)})
        with hungry.current():
            held = hungry.allocate_device(hungry.memory().free_bytes - (32 << 20))
        with pytest.raises(BackendError, match=r"GPU \d+ has \d+ MiB left"):
            tiny.infer({"image": images(32, 960, 960)})
        with hungry.current():
            hungry.free_device(held)
        tiny.infer({"image": images(32, 960, 960)})
    hungry.close()


def test_the_budget_holds(folder: Path) -> None:
    with engine(folder, GpuLimits(memory_bytes=16 << 20)) as tiny:
        with pytest.raises(BackendError, match="allows 16: raise it"):
            tiny.infer({"image": images(32, 960, 960)})
        tiny.infer({"image": images(1)})

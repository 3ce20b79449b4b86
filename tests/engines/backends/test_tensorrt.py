"""The TensorRT engine: its contract and its buffers on the fake GPU here, the real thing behind the gpu marker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engines.arrays import F32
from engines.backends.cuda.device_array import DeviceArray
from engines.backends.cuda.driver import Driver
from engines.backends.cuda.fake_accounts import Failure
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_gpu import FakeGpu
from engines.backends.cuda.gpus import Gpu, GpusHere
from engines.backends.cuda.network import Network
from engines.backends.cuda.session import GpuLimits
from engines.backends.tensorrt import TensorrtEngine, TensorrtHere, tensorrt_here
from engines.errors import BackendError
from tests.engines.backends.cuda.networks import CROPS, INFO, OUTPUTS, crops, means, of_faces

LIMITS = GpuLimits(memory_bytes=1 << 22, sizes=(1, 2, 4, 8))


def engine(driver: FakeDriver, load: Callable[[Driver], Network] = of_faces) -> TensorrtEngine:
    return TensorrtEngine("tiny", Path("tiny.engine"), CROPS, OUTPUTS, INFO, LIMITS, driver, load)


def test_it_says_how_many_rows_one_run_takes_while_it_is_open() -> None:
    tiny = engine(FakeDriver(FakeGpu()))
    with tiny:
        assert tiny.most_rows((4, 4, 3)) == 8
    with pytest.raises(BackendError, match="is not open"):
        tiny.most_rows((4, 4, 3))


def test_it_runs_closes_and_opens_again() -> None:
    driver = FakeDriver(FakeGpu())
    tiny = engine(driver)
    for seed in range(3):
        with tiny:
            batch = {"crops": crops(19, seed)}
            np.testing.assert_array_equal(tiny.infer(batch)["vectors"], means(batch)["vectors"])
        assert driver.leaks == ()
        assert driver.device.held_bytes == 0
    tiny.close()
    with pytest.raises(BackendError, match="tiny is not open"):
        tiny.infer({"crops": crops(1)})
    with pytest.raises(BackendError, match="tiny is not open"):
        tiny.infer_device({})


def test_a_second_open_is_refused_and_changes_nothing() -> None:
    with engine(FakeDriver(FakeGpu())) as tiny:
        with pytest.raises(BackendError, match="open already"):
            tiny.open()
        tiny.infer({"crops": crops(1)})


def test_rows_on_the_device_are_checked_as_those_of_the_host_are() -> None:
    driver = FakeDriver(FakeGpu())
    with engine(driver) as tiny:
        assert tiny.driver is driver
        assert tiny.stream is not None
        with driver.current():
            memory = driver.allocate_device(4096)
            driver.fill(memory.pointer, 6, 4096, tiny.stream)
        array = DeviceArray(memory.pointer, (3, 4, 4, 3), "uint8", memory)
        np.testing.assert_array_equal(tiny.infer_device({"crops": array})["vectors"], np.full((3, 3), 6.0))
        kept = tiny.run_device({"crops": array})["heat"]
        with driver.current():
            driver.synchronise(tiny.stream)
        assert (driver.device.bytes_at(kept.pointer, kept.size_bytes).view(np.float32) == 6.0).all()
        for wrong in (
            DeviceArray(memory.pointer, (3, 4, 5, 3), "uint8", memory),
            DeviceArray(memory.pointer, (3, 4, 4, 3), "float32", memory),
        ):
            with pytest.raises(BackendError, match=r"crops must be uint8 \(n, 4, 4, 3\), got"):
                tiny.infer_device({"crops": wrong})
        with pytest.raises(BackendError, match="takes the inputs crops, got faces"):
            tiny.infer_device({"faces": array})
        with driver.current():
            driver.free_device(memory)
    assert tiny.driver is None
    assert tiny.stream is None


def broken(driver: Driver) -> Network:
    raise BackendError("the file is of another GPU")


@pytest.mark.parametrize(
    ("failures", "load", "said"),
    [
        ((Failure("open", 1),), of_faces, "open failed"),
        ((Failure("allocate_device", 1),), of_faces, "out of memory"),
        ((Failure("new_stream", 1),), of_faces, "new_stream failed"),
        ((), broken, "another GPU"),
    ],
)
def test_an_open_that_fails_leaves_nothing_behind_and_may_be_tried_again(
    failures: tuple[Failure, ...], load: Callable[[Driver], Network], said: str
) -> None:
    driver = FakeDriver(FakeGpu(), failures)
    tiny = engine(driver, load)
    with pytest.raises(BackendError, match=said):
        tiny.open()
    assert driver.leaks == ()
    assert driver.device.held_bytes == 0
    if load is of_faces:
        with tiny:
            tiny.infer({"crops": crops(1)})


def test_engines_share_a_gpu_on_threads_of_their_own() -> None:
    gpu = FakeGpu()
    drivers = [FakeDriver(gpu) for _ in range(3)]
    engines = [engine(driver) for driver in drivers]
    wrong: list[str] = []

    def work(tiny: TensorrtEngine, seed: int) -> None:
        with tiny:
            for step in range(20):
                batch = {"crops": crops(1 + (seed + step) % 9, seed)}
                if not np.array_equal(tiny.infer(batch)["vectors"], means(batch)["vectors"]):
                    wrong.append(f"{seed} {step}")

    threads = [threading.Thread(target=work, args=(tiny, seed)) for seed, tiny in enumerate(engines)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert gpu.held_bytes == 0
    assert [driver.leaks for driver in drivers] == [(), (), ()]


def test_an_engine_that_is_open_in_one_thread_works_and_closes_in_another() -> None:
    driver = FakeDriver(FakeGpu())
    tiny = engine(driver)
    tiny.open()
    answers: list[F32] = []

    def work() -> None:
        answers.append(tiny.infer({"crops": crops(2)})["heat"])
        tiny.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    np.testing.assert_array_equal(answers[0], means({"crops": crops(2)})["heat"])
    assert driver.leaks == ()


def of_capability(value: str) -> GpusHere:
    return GpusHere((Gpu(0, "Card", value, 1 << 34),), "")


@pytest.mark.parametrize(
    ("here", "index", "said"),
    [
        (GpusHere((), "no NVIDIA driver"), 0, "no GPU: no NVIDIA driver"),
        (of_capability("8.6"), 1, "there is no GPU 1"),
        (
            of_capability("7.0"),
            0,
            "needs compute capability 7.5 or later; GPU 0: Card, compute capability 7.0",
        ),
    ],
)
def test_why_tensorrt_cannot_run(here: GpusHere, index: int, said: str) -> None:
    answer = tensorrt_here(index, here)
    assert isinstance(answer, str)
    assert said in answer


@pytest.mark.gpu
def test_tensorrt_runs_here(tensorrt_gpu: Gpu) -> None:
    answer = tensorrt_here(tensorrt_gpu.index)
    assert isinstance(answer, TensorrtHere)
    assert answer.gpu == tensorrt_gpu

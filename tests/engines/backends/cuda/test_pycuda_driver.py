"""PyCUDA where it is not, or not open; its contract with a GPU is in test_driver.py."""

from __future__ import annotations

import pytest

from engines.backends.cuda.gpus import Gpu, gpus_here
from engines.backends.cuda.libcuda import libcuda
from engines.backends.cuda.pycuda_driver import PycudaDriver, has_pycuda
from engines.errors import BackendError


def test_a_closed_driver_says_so_and_closes_again() -> None:
    driver = PycudaDriver(0)
    with pytest.raises(BackendError, match="driver of GPU 0 is not open"), driver.current():
        pass
    driver.close()


def test_what_is_missing_is_said() -> None:
    if not has_pycuda():
        with pytest.raises(
            BackendError, match=r"PyCUDA cannot be imported: .+; install requirements-gpu\.txt"
        ):
            PycudaDriver(0).open()
    if not gpus_here().gpus:
        with pytest.raises(BackendError, match=r"NVIDIA|CUDA"):
            libcuda()


@pytest.mark.gpu
def test_a_gpu_that_is_not_there(pycuda_gpu: Gpu) -> None:
    assert pycuda_gpu.index == 0
    with pytest.raises(BackendError, match="GPU 99: open"):
        PycudaDriver(99).open()

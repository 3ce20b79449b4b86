"""Which GPUs are here: none is an answer, never an error."""

from __future__ import annotations

import pytest

from engines.backends.cuda.gpus import Gpu, GpusHere, gpus_here
from engines.errors import BackendError

CARD = Gpu(0, "H200", "9.0", 141 << 30)


def test_there_are_gpus_or_a_reason() -> None:
    here = gpus_here()
    assert bool(here.gpus) != bool(here.reason)


def test_a_gpu_by_index() -> None:
    here = GpusHere((CARD,), "")
    assert here.at(0) is CARD
    with pytest.raises(BackendError, match=r"no GPU 1; there is: GPU 0: H200, compute capability 9\.0, 141"):
        here.at(1)
    with pytest.raises(BackendError, match=r"there is: none \(no NVIDIA driver\)"):
        GpusHere((), "no NVIDIA driver").at(0)


@pytest.mark.gpu
def test_this_gpu_says_what_it_is(gpu: Gpu) -> None:
    assert gpu.name
    assert float(gpu.compute_capability) >= 7.5
    assert gpu.memory_bytes > 1 << 29

"""Where `bench gpu` runs: a GPU, or a fake one to rehearse on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.arrays import U8
from engines.backends.base import Engine
from engines.backends.choose import Backend, EngineChoice, Precision
from engines.backends.cuda.fake_gpu import FakeGpu
from engines.backends.cuda.gpus import Gpu
from engines.errors import BackendError
from pipeline.device.engine import DeviceEngine
from pipeline.device.shared import SharedGpu

if TYPE_CHECKING:
    pass

POOL_BYTES = 4 << 30
FACENET, CENTERFACE = "facenet-20180408", "centerface"


@dataclass(frozen=True, slots=True)
class Here:
    """One GPU, and what is run on it."""

    gpu: Gpu
    models: Path
    rehearsal: bool
    """on a fake GPU, with the processor's engines: rows come, and figures mean nothing"""
    runs: int
    """of each contestant in a round"""

    def prepared(self, name: str, backend: Backend, precision: Precision) -> Engine:
        """A network, not yet open. Raises EngineError."""
        from engines.prepare import prepare
        from engines.zoo.catalogue import read_catalogue

        catalogue = read_catalogue(Path(__file__).resolve().parents[1] / "config" / "models.yaml")
        choice = EngineChoice(backend, precision, 0, self.gpu.name, "bench gpu")
        return prepare(name, catalogue, self.models, replace(choice, gpu=self.gpu.index)).engine

    @contextmanager
    def network(
        self, name: str, precision: Precision, shared: SharedGpu | None = None
    ) -> Iterator[DeviceEngine]:
        """TensorRT's engine of a network, open; in a rehearsal OpenVINO's on the fake GPU. Raises EngineError."""
        from engines.backends.tensorrt import TensorrtEngine

        with ExitStack() as opened:
            if self.rehearsal:
                from engines.backends.cuda.fake_driver import FakeDriver
                from engines.backends.cuda.fake_engine import on_fake_gpu

                if precision != "fp32":
                    raise BackendError("rehearsed in fp32 alone")
                inner = opened.enter_context(self.prepared(name, "openvino", "fp32"))
                beside = None if shared is None else shared.driver
                device = beside.device if isinstance(beside, FakeDriver) else fake_device()
                yield opened.enter_context(on_fake_gpu(inner, FakeDriver(device), most=64))
                return
            engine = self.prepared(name, "tensorrt", precision)
            assert isinstance(engine, TensorrtEngine)
            yield opened.enter_context(engine)

    @contextmanager
    def torch_network(self, name: str, batch: int) -> Iterator[Engine]:
        """The same by torch on the GPU, fp16, channels_last, one CUDA graph of this batch. Raises EngineError."""
        from engines.backends.torch_cuda import TorchCudaEngine, torch_cuda_here
        from engines.build.from_description import torch_network
        from engines.zoo.cache import ModelCache
        from engines.zoo.catalogue import read_catalogue
        from engines.zoo.fetch import fetch

        there = torch_cuda_here(self.gpu.index)
        if isinstance(there, str):
            raise BackendError(there)
        model = read_catalogue(Path(__file__).resolve().parents[1] / "config" / "models.yaml").model(name)
        network, inputs, outputs = torch_network(model, fetch(model, ModelCache(self.models))[0])
        info = EngineChoice("torch", "fp16", 0, there.name, "bench gpu").info
        with TorchCudaEngine(name, network, inputs, outputs, info, self.gpu.index, (batch,)) as engine:
            yield engine

    @contextmanager
    def shared(self) -> Iterator[SharedGpu]:
        """Frames and kernels on the GPU, open. Raises EngineError."""
        from engines.backends.cuda.kernels.launch import Kernels

        if self.rehearsal:
            from engines.backends.cuda.fake_driver import FakeDriver

            fake = FakeDriver(fake_device())
            with SharedGpu(fake, Kernels(fake, "9.0", lambda name, _: name.encode()), POOL_BYTES) as gpu:
                yield gpu
            return
        from engines.backends.cuda.pycuda_driver import PycudaDriver

        driver = PycudaDriver(self.gpu.index)
        with SharedGpu(driver, Kernels(driver, self.gpu.compute_capability), POOL_BYTES) as gpu:
            yield gpu


def fake_device() -> FakeGpu:
    """A fake GPU that runs the kernels' source."""
    from engines.backends.cuda.kernels.on_fake import fake_kernels
    from engines.backends.cuda.kernels.on_host import HostKernels

    with tempfile.TemporaryDirectory() as folder:
        return FakeGpu(memory_bytes=8 << 30, kernels=fake_kernels(HostKernels(Path(folder))))


def noise(*shape: int) -> U8:
    """Pixels; what they show changes no row's speed but the candidates', which say what they are of."""
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)

"""The networks of a run where its pixels are: frames, crops and batches that stay on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from config.schema import Config
from engines.backends.base import Engine
from engines.backends.choose import EngineChoice
from engines.backends.cuda.driver import Driver
from engines.backends.cuda.gpus import gpus_here
from engines.backends.cuda.kernels.launch import Kernels
from engines.backends.cuda.pycuda_driver import PycudaDriver
from engines.backends.tensorrt import TensorrtEngine
from engines.errors import BackendError
from engines.prepare import Prepared
from pipeline.alignment.crop import CropRule
from pipeline.alignment.on_device import DeviceCut
from pipeline.arrays import F32
from pipeline.detection.on_device import DeviceDetector
from pipeline.device.shared import SharedGpu
from pipeline.embedding.on_device import DeviceEmbedder
from pipeline.stage import Reopen


@dataclass(frozen=True, slots=True)
class OnGpu:
    """What takes the place of a run's detector, cut and embedder; each is used by its stage's thread alone."""

    detector: DeviceDetector
    cut: DeviceCut
    embedder: DeviceEmbedder
    reopen_detector: Reopen
    reopen_cut: Reopen
    reopen_embedder: Reopen
    close_embedder: Callable[[], None]


class Closes(Protocol):
    """A part that holds something on the GPU, and takes hold of it again when it is next used."""

    def close(self) -> None:
        """Give it back; a second call does nothing."""
        ...


def shared_gpu(choice: EngineChoice) -> SharedGpu | None:
    """The GPU that the pixels of a run stay on, not open yet; None where networks are given the host's pixels.

    That is TensorRT's: torch on a GPU, which stands in for it, takes batches from the host. Raises BackendError.
    """
    if choice.backend != "tensorrt":
        return None
    # Its own driver: it is opened before the engines' and closed after them.
    driver: Driver = PycudaDriver(choice.gpu)
    kernels = Kernels(driver, gpus_here().at(choice.gpu).compute_capability)
    return SharedGpu(driver, kernels, choice.gpu_memory_bytes)


@contextmanager
def on_gpu(
    config: Config, gpu: SharedGpu, detector: Prepared, embedder: Prepared, rule: CropRule, centre: F32 | None
) -> Iterator[OnGpu]:
    """The parts of a run on a GPU that is open, with engines that are open; what they hold there is given back at
    the end, before the engines are closed.

    Args:
        rule: how crops are cut.
        centre: (D,) of the embedder's vectors, or None.
    """
    keys, seeing, knowing = config.detection, tensorrt_engine(detector), tensorrt_engine(embedder)
    looks = DeviceDetector(seeing, gpu, keys.low_score, keys.max_iou, keys.max_batch)
    cut = DeviceCut(rule, gpu)
    about, max_batch = embedder.description, config.embedding.max_batch
    embeds = DeviceEmbedder(knowing, gpu, about.model_id, max_batch, centre, about.kept)
    with ExitStack() as closing:
        for part in (looks, cut, embeds):
            closing.callback(part.close)
        yield OnGpu(
            *(looks, cut, embeds),
            reopen_detector=lambda: reopen(looks, seeing),
            reopen_cut=cut.close,
            reopen_embedder=lambda: reopen(embeds, knowing),
            close_embedder=lambda: close_all(embeds, knowing),
        )


def reopen(part: Closes, engine: Engine) -> None:
    """Make streams, tables, buffers, graphs and the context of the engine anew. Raises BackendError.

    Frames on the device and what the other stages hold stay. Where the GPU itself is lost, which CUDA tells by every
    call failing, this fails too, and the program ends when the stage has been tried often enough.
    """
    part.close()
    engine.close()
    engine.open()


def close_all(*parts: Closes) -> None:
    """Give back what these hold on the GPU, in this order."""
    for part in parts:
        part.close()


def tensorrt_engine(prepared: Prepared) -> TensorrtEngine:
    """The engine of a model that was prepared for TensorRT. Raises BackendError for another."""
    if not isinstance(prepared.engine, TensorrtEngine):
        raise BackendError(
            f"{prepared.description.name} runs by {prepared.engine.info.backend}, which takes nothing on a GPU; "
            "set engine.backend=tensorrt"
        )
    return prepared.engine

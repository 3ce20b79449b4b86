"""torch on an NVIDIA GPU: takes TensorRT's place where that cannot run on the GPU that is here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.arrays import F32, Batch
from engines.backends.base import EngineInfo, TensorSpec
from engines.backends.cuda.gpus import Gpu, GpusHere, gpus_here
from engines.backends.engine_base import EngineBase
from engines.errors import BackendError

if TYPE_CHECKING:
    from engines.backends.cuda.torch_network import PlacedNetwork, ShapeRunner
    from engines.networks.from_pixels import FromPixels

FACES_A_RUN = 16
FRAMES_A_RUN = 1
MOST_SHAPES = 8
"""shapes of which buffers and a graph are kept; the one used longest ago goes"""


class TorchCudaEngine(EngineBase):
    """A torch network of pixels on a GPU, in runs of fixed sizes, each a CUDA graph.

    cuDNN chooses kernels by the batch's size, and they differ in the last bits. With the one size that is the
    default a row's result does not depend on the batch it is in: 16 crops or one frame a run. More sizes are
    faster and give that up.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], FromPixels],
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        info: EngineInfo,
        gpu: int = 0,
        sizes: tuple[int, ...] = (),
        device: str = "cuda",
        graphs: bool = True,
    ) -> None:
        """`load` is called by `open`; precision fp16 or fp32 is `info`'s; `device` "cpu" is for tests."""
        super().__init__(name, inputs, outputs, info)
        fixed = all(isinstance(size, int) for size in inputs[0].shape[1:])
        self._sizes = sizes or ((FACES_A_RUN if fixed else FRAMES_A_RUN),)
        self._loader = load
        self._device_name = f"{device}:{gpu}" if device == "cuda" else device
        self._graphs = graphs
        self._network: PlacedNetwork | None = None
        self._runners: dict[tuple[int, ...], ShapeRunner] = {}

    def _load(self) -> None:
        import torch

        from engines.backends.cuda.torch_network import PlacedNetwork

        device = torch.device(self._device_name)
        if device.type == "cuda" and not torch.cuda.is_available():
            raise BackendError(
                f"{self.name}: this torch ({torch.__version__}) has no CUDA; install one of https://pytorch.org "
                "that has, or set engine.backend=openvino"
            )
        if self.info.precision not in ("fp16", "fp32"):
            raise BackendError(
                f"torch on a GPU computes fp16 or fp32, not {self.info.precision}; set engine.precision"
            )
        if self.info.precision == "fp32":
            # On by default: cuDNN would multiply with 10 bits of mantissa, as fp16 does. Of the whole process.
            torch.backends.cudnn.allow_tf32 = False
        try:
            self._network = PlacedNetwork(self._loader().eval(), device, self.info.precision == "fp16")
        except RuntimeError as error:
            raise self._said(error) from error

    def _run(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        import torch

        (value,) = inputs.values()
        most = max(self._sizes)
        try:
            with torch.inference_mode():
                parts = [self._part(value[start : start + most]) for start in range(0, len(value), most)]
        except RuntimeError as error:
            raise self._said(error) from error
        return {
            spec.name: np.concatenate([part[at] for part in parts]) for at, spec in enumerate(self.outputs)
        }

    def _part(self, rows: Any) -> tuple[F32, ...]:
        size = min(size for size in self._sizes if size >= len(rows))
        return self._runner((size, *rows.shape[1:])).run(rows)

    def _runner(self, shape: tuple[int, ...]) -> ShapeRunner:
        """The runner of a shape, made at its first time; the last one used is the last in the list."""
        import torch

        from engines.backends.cuda.torch_network import ShapeRunner

        runner = self._runners.pop(shape, None)
        if runner is None:
            if len(self._runners) >= MOST_SHAPES:
                del self._runners[next(iter(self._runners))]
            assert self._network is not None  # open
            runner = ShapeRunner(self._network, shape, torch.device(self._device_name), self._graphs)
        self._runners[shape] = runner
        return runner

    def _unload(self) -> None:
        self._runners.clear()
        self._network = None

    def _said(self, error: RuntimeError) -> BackendError:
        lines = str(error).strip().splitlines() or ["no reason given"]
        return BackendError(f"{self.name}: torch could not run it on {self._device_name}: {lines[0]}")


def torch_cuda_here(index: int = 0, here: GpusHere | None = None) -> Gpu | str:
    """The GPU that torch can run on, or why it cannot; imports torch only where there is a GPU.

    `here`: the GPUs, asked for where it is not given.
    """
    gpu = (here or gpus_here()).found(index)
    if isinstance(gpu, str):
        return gpu
    import torch

    if not torch.cuda.is_available():
        return f"this torch ({torch.__version__}) has no CUDA"
    return gpu


def instead_of_tensorrt(why: str) -> str:
    """The reason that the log and `doctor` give: never a silent change. `why` TensorRT cannot run."""
    return f"torch on CUDA, slower, TAKES THE PLACE OF TENSORRT, which cannot run here: {why}"

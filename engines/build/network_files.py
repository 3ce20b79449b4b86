"""A network's file in a backend's own form, and the engine that opens it: the one place that knows them all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from engines.backends.base import Engine, TensorSpec
from engines.backends.choose import EngineChoice, Precision
from engines.backends.openvino import OpenvinoEngine
from engines.backends.openvino_module import openvino_computes
from engines.build.from_description import write_model_onnx
from engines.build.openvino_from_onnx import write_openvino
from engines.build.tensorrt_facts import (
    GpuHere,
    TensorrtEngineFacts,
    TensorrtOptions,
    TensorrtPrecision,
)
from engines.build.tensorrt_profiles import profiles_for
from engines.errors import BuildError
from engines.manifest import Manifest
from engines.zoo.description import ModelDescription

if TYPE_CHECKING:
    import onnx

NETWORKS = {"openvino": "model.xml", "tensorrt": "model.engine"}
"""name of the file that a backend opens"""
TIMING_CACHE = "tensorrt-timing.cache"


@dataclass(frozen=True, slots=True)
class TensorrtWishes:
    """What TensorRT engines are compiled for, beside their precision."""

    version_compatible: bool = False
    hardware_compatible: bool = False
    compute_capabilities: tuple[str, ...] = ()
    """tensorrt_rtx alone: "8.9"; none: its own choice"""
    workspace_bytes: int | None = None
    """device memory that a layer may take; None: no limit"""

    def kept_by(self, facts: TensorrtEngineFacts) -> bool:
        """Whether an engine was compiled for all of this."""
        return (
            facts.version_compatible == self.version_compatible
            and facts.hardware_compatible == self.hardware_compatible
            and facts.workspace_bytes == self.workspace_bytes
            and set(self.compute_capabilities) <= set(facts.compute_capabilities)
        )


def precise_network(model: ModelDescription, plain: Path, path: Path, choice: EngineChoice) -> Path:
    """The ONNX file of a precision: `plain` itself where the backend chooses it, else written to `path`.

    Raises BuildError and CatalogueError.
    """
    import onnx

    network: onnx.ModelProto | None = None
    if choice.precision == "int8":
        network = _quantised(model, onnx.load(str(plain)), choice)
    if choice.backend == "tensorrt" and choice.precision in ("fp16", "int8"):
        from engines.build.half_precision import half_precision

        # Of an int8 network, the layers that are not quantised: TensorRT takes each layer's type from the file.
        network = half_precision(network or onnx.load(str(plain)))
    if network is None:
        return plain
    onnx.save(network, str(path))
    return path


def stand_in_network(model: ModelDescription, plain: Path, network: Path, choice: EngineChoice) -> Path:
    """The ONNX file that OpenVINO runs where `network`'s engine cannot run: itself, or its int8 in floats.

    Raises BuildError and CatalogueError.
    """
    import onnx

    from engines.build.int8_in_floats import int8_in_floats

    if choice.precision != "int8":
        return network
    path = network.with_name("stand_in.onnx")
    onnx.save(int8_in_floats(_quantised(model, onnx.load(str(plain)), choice)), str(path))
    return path


def _quantised(model: ModelDescription, network: onnx.ModelProto, choice: EngineChoice) -> onnx.ModelProto:
    from engines.build.quantisation_recipe import read_recipe
    from engines.build.quantised import quantised

    if model.int8 is None:
        raise BuildError(f"{model.name}: models.yaml names no int8 file; use another engine.precision")
    # TensorRT takes int8 around zero alone.
    return quantised(network, read_recipe(model.int8), signed=choice.backend == "tensorrt")


def write_network(
    network: Path,
    path: Path,
    inputs: tuple[TensorSpec, ...],
    choice: EngineChoice,
    wishes: TensorrtWishes,
    cache: Path,
) -> TensorrtEngineFacts | None:
    """Write the backend's file `path` from the ONNX file `network`; what a TensorRT engine became.

    `cache` is a folder for TensorRT's timing cache. Raises BuildError and BackendError.
    """
    if choice.backend != "tensorrt":
        write_openvino(network, path)
        return None
    from engines.backends.cuda.driver import held
    from engines.backends.cuda.pycuda_driver import PycudaDriver
    from engines.build.tensorrt_from_onnx import write_engine

    options = TensorrtOptions(
        precision=_tensorrt_precision(choice),
        profiles=tuple(profile for spec in inputs for profile in profiles_for(spec)),
        version_compatible=wishes.version_compatible,
        hardware_compatible=wishes.hardware_compatible,
        compute_capabilities=wishes.compute_capabilities,
        workspace_bytes=wishes.workspace_bytes,
        timing_cache=cache / TIMING_CACHE,
    )
    gpu = gpu_at(choice.gpu)
    # A builder takes the GPU whose context is the thread's, and the first where there is none.
    with nullcontext() if gpu is None or choice.gpu == 0 else held(PycudaDriver(choice.gpu)):
        return write_engine(network, path, options, gpu)


def _tensorrt_precision(choice: EngineChoice) -> TensorrtPrecision:
    if choice.precision == "bf16":
        known = ", ".join(get_args(TensorrtPrecision))
        raise BuildError(f"TensorRT engines are {known}, not bf16; set engine.precision to one of them")
    return choice.precision


def gpu_at(index: int) -> GpuHere | None:
    """The GPU of this index; None where this machine has none."""
    from engines.backends.cuda.gpus import gpus_here

    for gpu in gpus_here().gpus:
        if gpu.index == index:
            return GpuHere(gpu.name, gpu.compute_capability)
    return None


def engine_of(network: Path, manifest: Manifest, choice: EngineChoice) -> Engine:
    """The engine of a built network's file, not yet open."""
    if manifest.tensorrt is not None:
        from engines.backends.cuda.session import GpuLimits
        from engines.backends.tensorrt import TensorrtEngine

        name, limits = manifest.recipe.model, GpuLimits(choice.gpu, choice.gpu_memory_bytes)
        return TensorrtEngine(name, network, manifest.inputs, manifest.outputs, choice.info, limits)
    return openvino_engine(network, manifest.inputs, manifest.outputs, choice)


def openvino_engine(
    network: Path, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], choice: EngineChoice
) -> OpenvinoEngine:
    """A network in OpenVINO's form, or ONNX, not yet open."""
    return OpenvinoEngine(network, inputs, outputs, choice.info, choice.threads, choice.streams, choice.mode)


@contextmanager
def reference_engine(model: ModelDescription, source: Path, threads: int = 0) -> Iterator[Engine]:
    """A model's file at fp32 in OpenVINO, open; it leaves nothing on disk. Raises ModelFileError, BackendError."""
    from engines.networks.onnx_file import read_onnx, tensor_specs

    choice = EngineChoice("openvino", "fp32", threads, "this processor", "the reference")
    with tempfile.TemporaryDirectory() as folder:
        onnx = Path(folder) / "model.onnx"
        write_model_onnx(model, source, onnx)
        with openvino_engine(onnx, *tensor_specs(read_onnx(onnx)), choice) as engine:
            yield engine


def at_fp32(choice: EngineChoice) -> EngineChoice:
    """What the reference runs as in OpenVINO, whatever the choice."""
    return replace(choice, backend="openvino", precision="fp32", reason="the reference", on_gpu=False)


def fitting(model: ModelDescription, choice: EngineChoice) -> EngineChoice:
    """The choice for this model: where it names no int8 file, the next best precision, and why."""
    if choice.precision != "int8" or model.int8 is not None or choice.backend == "torch":
        return choice
    precision: Precision = "fp16"
    if choice.backend == "openvino":
        precision = "bf16" if "BF16" in openvino_computes() else "fp32"
    why = f"{choice.reason}; {precision}: {model.name} has no int8 file in models.yaml"
    return replace(choice, precision=precision, reason=why)

"""Which backend and precision run the networks, and why; said once at start."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from engines.backends.base import EngineInfo
from engines.backends.openvino_module import openvino_computes, openvino_core
from engines.errors import BackendError

if TYPE_CHECKING:
    from engines.backends.cuda.gpus import Gpu

Backend = Literal["openvino", "tensorrt", "torch"]
Precision = Literal["fp32", "bf16", "fp16", "int8"]
Mode = Literal["latency", "throughput"]
log = logging.getLogger(__name__)

ON_A_PROCESSOR: tuple[Backend, ...] = ("openvino", "torch")
"""best first"""
INSTRUCTIONS = {
    "int8": (("amx_int8", "AMX"), ("avx512_vnni", "AVX-512 VNNI"), ("avx_vnni", "AVX VNNI")),
    "bf16": (("amx_bf16", "AMX"), ("avx512_bf16", "AVX-512")),
}
"""flags of /proc/cpuinfo that tell what multiplies in a precision, fastest first, and what to call it"""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What every network of a run is opened with."""

    backend: Backend
    precision: Precision
    threads: int
    """of one network; 0: all cores"""
    device: str
    """the processor's own name"""
    reason: str
    streams: int = 0
    """openvino: parts of a batch that run beside each other; 0: as measured for `mode`"""
    mode: Mode = "throughput"
    """openvino: what threads and streams are chosen for where they are 0"""
    gpu: int = 0
    """tensorrt, torch on a GPU: which, by index"""
    gpu_memory_bytes: int = 4 << 30
    """tensorrt: of one network, on the device, at most"""
    on_gpu: bool = False

    @property
    def info(self) -> EngineInfo:
        """For the engine, the log and `doctor`."""
        return EngineInfo(self.backend, self.device, self.precision, self.reason)


@dataclass(frozen=True, slots=True)
class GpuRuntimes:
    """What can run networks on one GPU, or why it cannot."""

    gpus: tuple[Gpu, ...]
    """all that are here"""
    tensorrt: Gpu | str
    torch: Gpu | str

    @property
    def why_none(self) -> str:
        """Why neither runs on a GPU that is here; empty where one does, or no GPU is here."""
        if not self.gpus or not isinstance(self.tensorrt, str) or not isinstance(self.torch, str):
            return ""
        return f"{self.gpus[0].name} is here and IS NOT USED: {self.tensorrt}; torch: {self.torch}"


def choose(
    backend: Literal["auto"] | Backend = "auto",
    precision: Literal["auto"] | Precision = "auto",
    require: Backend | None = None,
    threads: int = 0,
    streams: int = 0,
    mode: Mode = "throughput",
    gpu: int = 0,
    here: GpuRuntimes | None = None,
) -> EngineChoice:
    """The best backend that can run here, or the one asked for, and a precision that it computes.

    `here`: what can run on the GPU, asked for where it is not given. A GPU that is not used, or not by TensorRT, is
    said in the log and in the reason.

    Raises BackendError, which lists what there is, where a backend cannot run, is not the required one, or cannot
    compute the precision asked for.
    """
    here = gpu_runtimes(gpu) if here is None else here
    chosen = _best(here) if backend == "auto" else backend
    if require is not None and chosen != require:
        if require == "tensorrt" and isinstance(here.tensorrt, str):
            way_out = f"TensorRT cannot run here ({here.tensorrt})"
        else:
            way_out = f"set engine.backend={require}"
        raise BackendError(
            f"engine.require={require}, but {chosen} would run; there is: {', '.join(_there(here))}; {way_out}"
        )
    why = f"{chosen}: {'the fastest that can run here' if backend == 'auto' else 'asked for'}"
    if here.why_none:
        log.warning("engine: %s", here.why_none)
        why = f"{why}; {here.why_none}"
    if chosen == "tensorrt":
        return _choose_tensorrt(precision, here.tensorrt, why)
    if chosen == "torch":
        return _choose_torch(precision, threads, here, why)
    if chosen not in _there(here):
        raise BackendError(
            f"backend {chosen} is not installed; there is: {', '.join(_there(here)) or 'none'}"
        )
    return replace(_choose_openvino(precision, threads, why), streams=streams, mode=mode)


def gpu_runtimes(gpu: int) -> GpuRuntimes:
    """What can run on the GPU of this index; nothing heavy is imported where there is no GPU."""
    from engines.backends.cuda.gpus import gpus_here
    from engines.backends.tensorrt import tensorrt_here
    from engines.backends.torch_cuda import torch_cuda_here

    here = gpus_here()
    found = tensorrt_here(gpu, here)
    return GpuRuntimes(here.gpus, found if isinstance(found, str) else found.gpu, torch_cuda_here(gpu, here))


def _best(here: GpuRuntimes) -> Backend:
    return next(iter(_there(here)), "openvino")


def _there(here: GpuRuntimes) -> list[Backend]:
    """Backends that can run here, best first."""
    there: list[Backend] = [] if isinstance(here.tensorrt, str) else ["tensorrt"]
    if not isinstance(here.torch, str):
        there.append("torch")
    there += [name for name in ON_A_PROCESSOR if importlib.util.find_spec(name) is not None]
    return list(dict.fromkeys(there))


def instructions(precision: Literal["bf16", "int8"], cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What multiplies in this precision, in brackets after a blank; nothing where the system does not tell.

    They decide what a precision is worth, so figures of two processors are told apart by them.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    return next((f" ({name})" for flag, name in INSTRUCTIONS[precision] if flag in flags), "")


def _choose_tensorrt(precision: str, gpu: Gpu | str, why: str) -> EngineChoice:
    if isinstance(gpu, str):
        raise BackendError(f"engine.backend=tensorrt: {gpu}")
    if precision == "bf16":
        raise BackendError(
            "TensorRT engines are fp32, fp16 or int8; set engine.precision to one of them, or auto"
        )
    taken: Precision = "fp16" if precision == "auto" else _precision(precision)
    reason = f"{why}; {taken}: {'the fastest of one build' if precision == 'auto' else 'asked for'}"
    return EngineChoice("tensorrt", taken, 0, gpu.name, reason, gpu=gpu.index, on_gpu=True)


def _choose_torch(precision: str, threads: int, here: GpuRuntimes, why: str) -> EngineChoice:
    """torch on the GPU where it can run there, else the reference on the processor."""
    if not isinstance(here.torch, str):
        from engines.backends.torch_cuda import instead_of_tensorrt

        if precision in ("bf16", "int8"):
            raise BackendError(
                "torch on a GPU computes fp16 and fp32; set engine.precision to one of them, or auto"
            )
        taken: Precision = "fp16" if precision == "auto" else _precision(precision)
        if isinstance(here.tensorrt, str):
            why = f"{why}; {instead_of_tensorrt(here.tensorrt)}"
            log.warning("engine: %s", why)
        return EngineChoice("torch", taken, 0, here.torch.name, why, gpu=here.torch.index, on_gpu=True)
    if precision not in ("auto", "fp32"):
        raise BackendError(
            "the torch reference computes in fp32 only; set engine.precision=fp32, or engine.backend=openvino"
        )
    return EngineChoice("torch", "fp32", threads, _processor(), f"{why}; fp32: torch is the reference")


def _precision(name: str) -> Precision:
    return next(each for each in get_args(Precision) if each == name)


def _choose_openvino(precision: str, threads: int, why: str) -> EngineChoice:
    core = openvino_core()
    device = " ".join(str(core.get_property("CPU", "FULL_DEVICE_NAME")).split())
    computes = openvino_computes()
    if precision == "fp16":
        raise BackendError("OpenVINO computes no fp16 on processors; set engine.precision=bf16, fp32 or auto")
    if precision in ("bf16", "int8") and precision.upper() not in computes:
        raise BackendError(f"{device} does not compute {precision}; set engine.precision=fp32 or auto")
    taken, reason = openvino_precision(precision, computes, instructions("int8"), instructions("bf16"))
    return EngineChoice("openvino", taken, threads, device, f"{why}; {taken}: {reason}")


def openvino_precision(
    precision: str, computes: Collection[str], int8: str, bf16: str
) -> tuple[Precision, str]:
    """What OpenVINO computes in, and why; `int8` and `bf16` are the processor's `instructions`.

    >>> openvino_precision("auto", ["BF16", "INT8"], "", " (AMX)")
    ('bf16', 'this processor computes it (AMX)')
    """
    if precision in ("fp32", "int8"):
        return _precision(precision), f"asked for{int8 if precision == 'int8' else ''}"
    # Without such instructions int8 sums are made in 16 bits, which overflow, and nothing is faster.
    if precision == "auto" and "INT8" in computes and int8:
        return "int8", f"this processor multiplies it{int8}, where a model has been measured in it"
    if "BF16" in computes:
        return "bf16", f"this processor computes it{bf16}"
    return "fp32", "this processor has no bf16"


def _processor() -> str:
    import platform

    return platform.processor() or platform.machine()

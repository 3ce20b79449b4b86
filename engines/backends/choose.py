"""Which backend and precision run the networks, and why; said once at start."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engines.backends.base import EngineInfo
from engines.backends.openvino_module import import_openvino
from engines.errors import BackendError

Backend = Literal["openvino", "tensorrt", "torch"]
Precision = Literal["fp32", "bf16", "fp16", "int8"]
Mode = Literal["latency", "throughput"]
BACKENDS: tuple[Backend, ...] = ("openvino", "torch")
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

    @property
    def info(self) -> EngineInfo:
        """For the engine, the log and `doctor`."""
        return EngineInfo(self.backend, self.device, self.precision, self.reason)


def choose(
    backend: Literal["auto"] | Backend = "auto",
    precision: Literal["auto"] | Precision = "auto",
    require: Backend | None = None,
    threads: int = 0,
) -> EngineChoice:
    """The best backend that is installed, or the one asked for, and a precision that the processor computes.

    Raises BackendError, which lists what there is, where a backend is not installed, is not the required one,
    or cannot compute the precision asked for.
    """
    there = available_backends()
    chosen = next(iter(there), None) if backend == "auto" else backend
    if chosen is None or chosen not in there:
        raise BackendError(f"backend {backend} is not installed; there is: {', '.join(there) or 'none'}")
    if require is not None and chosen != require:
        raise BackendError(
            f"engine.require={require}, but {chosen} would run; there is: {', '.join(there)}. "
            f"Set engine.backend={require}"
        )
    why = f"{chosen}: {'the fastest that is installed' if backend == 'auto' else 'asked for'}"
    if chosen == "torch":
        return _choose_torch(precision, threads, why)
    return _choose_openvino(precision, threads, why)


def available_backends() -> tuple[Backend, ...]:
    """Backends that are installed, best first."""
    return tuple(name for name in BACKENDS if importlib.util.find_spec(name) is not None)


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


def _choose_torch(precision: str, threads: int, why: str) -> EngineChoice:
    if precision == "bf16":
        raise BackendError(
            "the torch reference computes in fp32 only; set engine.precision=fp32, or engine.backend=openvino"
        )
    return EngineChoice("torch", "fp32", threads, _processor(), f"{why}; fp32: torch is the reference")


def _choose_openvino(precision: str, threads: int, why: str) -> EngineChoice:
    core = import_openvino().Core()
    device = " ".join(str(core.get_property("CPU", "FULL_DEVICE_NAME")).split())
    computes = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if precision == "fp16":
        raise BackendError("OpenVINO computes no fp16 on processors; set engine.precision=bf16, fp32 or auto")
    if precision in ("bf16", "int8") and precision.upper() not in computes:
        raise BackendError(f"{device} does not compute {precision}; set engine.precision=fp32 or auto")
    if precision == "fp32":
        return EngineChoice("openvino", "fp32", threads, device, f"{why}; fp32: asked for")
    if precision == "int8":
        return EngineChoice(
            "openvino", "int8", threads, device, f"{why}; int8: asked for{instructions('int8')}"
        )
    if "BF16" in computes:
        reason = f"{why}; bf16: this processor computes it{instructions('bf16')}"
        return EngineChoice("openvino", "bf16", threads, device, reason)
    return EngineChoice("openvino", "fp32", threads, device, f"{why}; fp32: this processor has no bf16")


def _processor() -> str:
    import platform

    return platform.processor() or platform.machine()

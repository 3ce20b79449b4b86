"""What a TensorRT engine was asked to be, what it became, and whether it can run here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from engines.backends.tensorrt_module import PORTABLE_SINCE, Flavour
from engines.build.tensorrt_profiles import Profile

TensorrtPrecision = Literal["fp32", "fp16", "int8"]
REBUILD = "python run_pipeline.py build --backend tensorrt --precision"
INSTALL = "pip install -r requirements-gpu.txt"


@dataclass(frozen=True, slots=True)
class GpuHere:
    """A GPU of this machine."""

    name: str
    """as its driver tells it"""
    compute_capability: str
    """"9.0" """


@dataclass(frozen=True, slots=True)
class TensorrtOptions:
    """What is asked of an engine."""

    precision: TensorrtPrecision
    """the ONNX file's own: networks are strongly typed, and another one is refused"""
    profiles: tuple[Profile, ...]
    version_compatible: bool = False
    """also for later releases of the same major version; somewhat slower, and not with TensorRT-RTX"""
    hardware_compatible: bool = False
    """for every GPU since Ampere and not only for the one that is here; somewhat slower"""
    compute_capabilities: tuple[str, ...] = ()
    """TensorRT-RTX only: "8.9"; none: its own choice, Ampere and later cards"""
    workspace_bytes: int | None = None
    """device memory that a layer may take while it runs; None: TensorRT's own limit, the whole GPU"""
    timing_cache: Path | None = None
    """times of kernels, from build to build; a second build of the same network is several times faster"""


@dataclass(frozen=True, slots=True)
class TensorrtEngineFacts:
    """What an engine is, for the manifest beside it."""

    flavour: Flavour
    version: str
    """release of TensorRT that built it"""
    precision: TensorrtPrecision
    profiles: tuple[Profile, ...]
    gpu: GpuHere | None
    """what it was built on; None: a machine without a GPU"""
    compute_capabilities: tuple[str, ...]
    """what it was compiled for"""
    version_compatible: bool
    hardware_compatible: bool
    workspace_bytes: int | None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_plain(cls, value: Mapping[str, Any]) -> TensorrtEngineFacts:
        """Raises KeyError, TypeError and ValueError where `value` is not what `plain` gives."""
        gpu = value["gpu"]
        flavour, precision = value["flavour"], value["precision"]
        if flavour not in get_args(Flavour) or precision not in get_args(TensorrtPrecision):
            raise ValueError(f"no engine of ours: {flavour} {precision}")
        return cls(
            flavour=flavour,
            version=value["version"],
            precision=precision,
            profiles=tuple(_profile(item) for item in value["profiles"]),
            gpu=None if gpu is None else GpuHere(**gpu),
            compute_capabilities=tuple(value["compute_capabilities"]),
            version_compatible=value["version_compatible"],
            hardware_compatible=value["hardware_compatible"],
            workspace_bytes=value["workspace_bytes"],
        )


def mismatch(
    facts: TensorrtEngineFacts, here: GpuHere | None, flavour: Flavour | None, version: str | None
) -> str | None:
    """Why an engine cannot run here, and what to do, in one line; None: nothing that is known speaks against it.

    `flavour` and `version` are of the TensorRT that is installed; None: none is.
    """
    rebuild = f"build it here: {REBUILD} {facts.precision}"
    if flavour is None or version is None:
        return f"TensorRT is not installed: {INSTALL}"
    if here is None:
        return "there is no NVIDIA GPU that its driver knows; set engine.backend=openvino"
    if facts.flavour != flavour:
        return f"it was built with {facts.flavour} {facts.version}, here is {flavour} {version}; {rebuild}"
    if not _same_release(facts, version):
        return f"it was built with {flavour} {facts.version}, here is {version}; {rebuild}"
    if _runs_on(facts, here):
        return None
    where = f"{here.name} has compute capability {here.compute_capability}"
    if flavour == "tensorrt_rtx":
        return (
            f"{where}, it was compiled for {', '.join(facts.compute_capabilities)}; {_for_rtx(here, rebuild)}"
        )
    built_on = "another GPU" if facts.gpu is None else f"{facts.gpu.name} ({facts.gpu.compute_capability})"
    return f"{where}, it was built on {built_on}; {rebuild}"


def _same_release(facts: TensorrtEngineFacts, version: str) -> bool:
    """TensorRT's manual: an engine runs with its own release, a version-compatible one with later ones too.

    Of those only the same major version: what may cross to the next differs from release to release.
    """
    if facts.version == version:
        return True
    built, have = _numbers(facts.version), _numbers(version)
    return facts.version_compatible and built[:1] == have[:1] and built <= have


def _runs_on(facts: TensorrtEngineFacts, here: GpuHere) -> bool:
    """TensorRT's manual, "Hardware Compatibility": an engine holds for the model of GPU it was built on.

    Another model of the same compute capability would run it, slower than it could.
    """
    if facts.flavour == "tensorrt_rtx":
        return here.compute_capability in facts.compute_capabilities
    if facts.hardware_compatible:
        return _numbers(here.compute_capability) >= _numbers(PORTABLE_SINCE)
    return facts.gpu == here


def _for_rtx(here: GpuHere, rebuild: str) -> str:
    """What to do where an engine of TensorRT-RTX does not fit the GPU: 9.0 and 10.x it does not know."""
    major = _numbers(here.compute_capability)[:1]
    if major in ((9,), (10,)):
        return f"tensorrt_rtx has no engines for it: {INSTALL}, or set engine.backend=torch"
    return f"{rebuild} --compute-capability {here.compute_capability}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _profile(value: Mapping[str, Any]) -> Profile:
    shapes = (tuple(int(size) for size in value[key]) for key in ("min_shape", "opt_shape", "max_shape"))
    return Profile(value["tensor"], *shapes)

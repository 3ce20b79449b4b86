"""Which TensorRT is here, and what differs between the two: the only place that knows.

`tensorrt` is the one for data centres and builds on the GPU that it builds for. `tensorrt_rtx` is the one for
RTX cards: it has the same builder, parser and runtime, comes whole from PyPI, compiles without a GPU, and leaves
the last step of compilation to the machine that runs the engine.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import logging
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from engines.errors import BackendError

log = logging.getLogger(__name__)

Flavour = Literal["tensorrt", "tensorrt_rtx"]
FLAVOURS: tuple[Flavour, ...] = ("tensorrt", "tensorrt_rtx")
"""best first: where both are installed, the one that tunes its kernels on the GPU itself"""
RTX_PORTABLE = ("8.0", "8.6", "8.9", "12.0", "12.1")
"""compute capabilities that an engine of TensorRT-RTX runs on where none is named: Ampere and later cards, without
data-centre Hopper (9.0) and Blackwell (10.x); support matrix and "CPU-Only AOT" of TensorRT-RTX 1.5's manual"""
PORTABLE_SINCE = "8.0"
"""the oldest compute capability of a hardware-compatible engine of TensorRT (AMPERE_PLUS)"""


@dataclass(frozen=True, slots=True)
class Tensorrt:
    """The TensorRT of this process."""

    module: Any
    flavour: Flavour
    version: str
    """release, as 11.4.0.106"""


def tensorrt_flavour() -> Flavour | None:
    """Which one `import_tensorrt` would give, without importing it; None: neither is installed."""
    return next((name for name in FLAVOURS if importlib.util.find_spec(name) is not None), None)


def tensorrt_version() -> str | None:
    """The release of what `import_tensorrt` would give, without importing 200 MB of it where its package says it."""
    flavour = tensorrt_flavour()
    if flavour is None:
        return None
    for package in (flavour, f"{flavour}_cu13", f"{flavour}_cu12"):
        try:
            # A wheel that was only packed again is "11.4.0.106.post1"; the library in it, and its engines, are not.
            return re.sub(r"\.post\d+$", "", importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            continue
    return import_tensorrt().version


def import_tensorrt() -> Tensorrt:
    """`tensorrt`, or else `tensorrt_rtx`. Raises BackendError where there is neither, or it cannot be loaded.

    A `tensorrt` that is installed and broken is an error: the other one would run other engines.
    """
    flavour = tensorrt_flavour()
    if flavour is None:
        raise BackendError(
            "TensorRT is not installed: pip install -r requirements-gpu.txt, or set engine.backend=openvino"
        )
    try:
        module = importlib.import_module(flavour)
    except (ImportError, OSError, RuntimeError) as error:
        raise BackendError(
            f"{flavour} is installed and cannot be loaded: {_first_line(str(error))}; "
            "install it again: pip install --force-reinstall -r requirements-gpu.txt"
        ) from error
    return Tensorrt(module, flavour, str(module.__version__))


def compiles_without_gpu(flavour: Flavour) -> bool:
    """Whether engines can be compiled on a machine that has no GPU."""
    return flavour == "tensorrt_rtx"


def has_timing_cache(flavour: Flavour) -> bool:
    """Whether kernels are timed while building. TensorRT-RTX chooses them without; its calls do nothing."""
    return flavour == "tensorrt"


def version_compatible_problem(flavour: Flavour) -> str | None:
    """Why an engine cannot be made to run with other releases, or None."""
    if flavour == "tensorrt":
        return None
    return (
        "engines of tensorrt_rtx run with the release that built them and no other; "
        "set engine.version_compatible=false"
    )


def compute_capabilities_problem(trt: Tensorrt, wanted: tuple[str, ...]) -> str | None:
    """Why engines cannot be compiled for these compute capabilities ("8.9"), or None; none named is always right."""
    if not wanted:
        return None
    if trt.flavour == "tensorrt":
        return "tensorrt builds for the GPU of the machine it runs on; name no compute capabilities"
    known = known_compute_capabilities(trt)
    unknown = [each for each in wanted if each not in known]
    if not unknown:
        return None
    return (
        f"tensorrt_rtx {trt.version} does not compile for compute capability {', '.join(unknown)}; "
        f"it does for {', '.join(known)}"
    )


def known_compute_capabilities(trt: Tensorrt) -> tuple[str, ...]:
    """What TensorRT-RTX can be told to compile for, as "8.9"; TensorRT: nothing, it looks at the GPU."""
    if trt.flavour == "tensorrt":
        return ()
    names = (name for name in trt.module.ComputeCapability.__members__ if name.startswith("SM"))
    return tuple(f"{name[2:-1]}.{name[-1]}" for name in names)


def compiled_for(flavour: Flavour, wanted: tuple[str, ...], gpu: str | None) -> tuple[str, ...]:
    """The compute capabilities that an engine will run on: those named, or the flavour's own choice.

    `gpu`: the compute capability of the GPU that is here, if one is.
    """
    if wanted:
        return wanted
    if flavour == "tensorrt_rtx":
        return RTX_PORTABLE
    return () if gpu is None else (gpu,)


def named_compute_capabilities(trt: Tensorrt, wanted: tuple[str, ...], gpu: str | None) -> tuple[str, ...]:
    """What to name to the builder: what is wanted, else the GPU that is here where RTX's own choice leaves it out.

    `gpu`: its compute capability. TensorRT-RTX compiles for Turing (7.5) only where that is named, and alone.
    """
    left_out = gpu is not None and gpu not in RTX_PORTABLE and gpu in known_compute_capabilities(trt)
    return (gpu,) if not wanted and left_out and gpu is not None else wanted


def set_compute_capabilities(trt: Tensorrt, config: Any, wanted: tuple[str, ...]) -> None:
    """Tell a builder's configuration what to compile for; none: what is portable, or the GPU that is here."""
    if wanted:
        config.num_compute_capabilities = len(wanted)
        for index, name in enumerate(wanted):
            member = trt.module.ComputeCapability.__members__[f"SM{name.replace('.', '')}"]
            config.set_compute_capability(member, index)


def set_hardware_compatible(trt: Tensorrt, config: Any) -> None:
    """Let the engine run on every GPU since Ampere. Engines of TensorRT-RTX do so as they are."""
    if trt.flavour == "tensorrt":
        config.hardware_compatibility_level = trt.module.HardwareCompatibilityLevel.AMPERE_PLUS


def strongly_typed(trt: Tensorrt) -> int:
    """Flags of a network whose types are the ONNX file's. TensorRT 11 knows no other and ignores the flag."""
    flag = trt.module.NetworkDefinitionCreationFlag.__members__.get("STRONGLY_TYPED")
    return 0 if flag is None else 1 << int(flag)


@contextmanager
def errors_said() -> Iterator[list[str]]:
    """What TensorRT says at error level meanwhile, in any thread: its calls return None and tell why in the log."""
    said: list[str] = []
    with _listening:
        _listeners.append(said)
    try:
        yield said
    finally:
        with _listening:
            # By identity: two empty lists are equal.
            _listeners[:] = [each for each in _listeners if each is not said]


_listening = threading.Lock()
_listeners: list[list[str]] = []


def tensorrt_logger(trt: Tensorrt) -> Any:
    """The ILogger of this process; TensorRT keeps the first it is given, so that there is one.

    Warnings are logged as warnings, the first of several alike, information at debug level; errors are for whoever
    listens with `errors_said`, and warnings where nobody does.
    """
    return _logger(trt.module)


@cache
def _logger(module: Any) -> Any:
    severity = module.ILogger.Severity

    class PythonLogger(module.ILogger):  # type: ignore[misc]
        """TensorRT's messages in Python's log."""

        def __init__(self) -> None:
            # TensorRT's bindings ask for it by name.
            module.ILogger.__init__(self)
            # It warns of every layer in the same words.
            self._warned: deque[str] = deque(maxlen=8)

        def log(self, level: Any, message: str) -> None:
            if level in (severity.ERROR, severity.INTERNAL_ERROR):
                _hear(message)
            elif level == severity.WARNING:
                log.log(logging.DEBUG if message in self._warned else logging.WARNING, "%s", message)
                self._warned.append(message)
            elif level == severity.INFO:
                log.debug("%s", message)  # what is below it are tens of thousands of lines an engine

    return PythonLogger()


def _hear(message: str) -> None:
    with _listening:
        for each in _listeners:
            each.append(message)
        heard = bool(_listeners)
    log.log(logging.DEBUG if heard else logging.WARNING, "%s", message)


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason given"])[0]

"""From the kernels' source to code for one kind of GPU, by NVRTC.

NVRTC is one library of 100 MB that installs from PyPI (nvidia-cuda-nvrtc), asks for no CUDA toolkit, no nvcc, no
host compiler and no GPU: so the same compiler that serves a camera server checks every kernel in CI. (PyCUDA's
SourceModule starts nvcc.) It gives a cubin, machine code for exactly this GPU, in 0.3 s a kernel.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from engines.errors import BuildError

FOLDER = Path(__file__).resolve().parent
HEADERS = ("pixels.cuh",)
NAMES = ("candidates", "crops", "letterbox", "looks", "rgb")
"""of the kernels: one a file, a file one"""
LIBRARIES = ("libnvrtc.so.13", "libnvrtc.so.12")
OPTIONS = ("--std=c++17", "--fmad=false")
"""no fused multiply-add: sums then have the bits that the CPU path's have, at no cost beside reading memory"""
INSTALL = "pip install nvidia-cuda-nvrtc"


def source(name: str) -> str:
    """The text of a kernel's file."""
    return (FOLDER / f"{name}.cu").read_text(encoding="utf-8")


def nvrtc_version() -> tuple[int, int] | None:
    """Major and minor of the NVRTC that is installed; None where there is none."""
    library = _library()
    if library is None:
        return None
    major, minor = ctypes.c_int(), ctypes.c_int()
    library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return major.value, minor.value


@cache
def cubin(name: str, compute_capability: str) -> bytes:
    """Code of a kernel for GPUs of a compute capability ("9.0").

    Raises:
        BuildError: NVRTC is not installed, does not know that GPU, or refuses the source.
    """
    library = _library()
    if library is None:
        raise BuildError(f"kernels need NVRTC, and neither {' nor '.join(LIBRARIES)} is there; {INSTALL}")
    architecture = "sm_" + compute_capability.replace(".", "")
    if architecture not in _architectures(library):
        known = ", ".join(_architectures(library))
        raise BuildError(f"this NVRTC compiles for {known}, not for {architecture}; {INSTALL} --upgrade")
    return _compile(library, name, (*OPTIONS, f"--gpu-architecture={architecture}"))


def _compile(library: ctypes.CDLL, name: str, options: Sequence[str]) -> bytes:
    texts = [(FOLDER / header).read_bytes() for header in HEADERS]
    program = ctypes.c_void_p()
    _check(
        library,
        library.nvrtcCreateProgram(
            ctypes.byref(program),
            source(name).encode(),
            f"{name}.cu".encode(),
            len(HEADERS),
            (ctypes.c_char_p * len(texts))(*texts),
            (ctypes.c_char_p * len(HEADERS))(*(header.encode() for header in HEADERS)),
        ),
        name,
    )
    try:
        given = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        if library.nvrtcCompileProgram(program, len(options), given):
            said = _text(library, program, "ProgramLog").decode(errors="replace")
            first = next((line for line in said.splitlines() if "error" in line), said.strip())
            raise BuildError(f"kernel {name}: {first}")
        return _text(library, program, "CUBIN")
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _text(library: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    """What NVRTC keeps of a program: its log, its code."""
    size = ctypes.c_size_t()
    _check(library, getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)), what)
    room = ctypes.create_string_buffer(size.value)
    _check(library, getattr(library, f"nvrtcGet{what}")(program, room), what)
    return room.raw


def _check(library: ctypes.CDLL, code: int, name: str) -> None:
    if code:
        raise BuildError(f"kernel {name}: NVRTC says {library.nvrtcGetErrorString(code).decode()}")


@cache
def _architectures(library: ctypes.CDLL) -> tuple[str, ...]:
    count = ctypes.c_int()
    _check(library, library.nvrtcGetNumSupportedArchs(ctypes.byref(count)), "list")
    known = (ctypes.c_int * count.value)()
    _check(library, library.nvrtcGetSupportedArchs(known), "list")
    return tuple(f"sm_{each}" for each in known)


@cache
def _library() -> ctypes.CDLL | None:
    """NVRTC from NVIDIA's packages, else where the system has it."""
    for path in (*_packaged(), *LIBRARIES):
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        library.nvrtcGetErrorString.restype = ctypes.c_char_p
        return library
    return None


def _packaged() -> list[str]:
    """Where the wheels put it: nvidia/cu13/lib, or nvidia/cuda_nvrtc/lib before CUDA 13."""
    found = importlib.util.find_spec("nvidia")
    roots = [Path(root) for root in (found.submodule_search_locations or ())] if found else []
    return [str(path) for root in roots for name in LIBRARIES for path in sorted(root.glob(f"*/lib/{name}"))]

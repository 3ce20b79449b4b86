"""The kernels on a processor: their own source, compiled by a C++ compiler, thread after thread.

So their arithmetic is held to the plain versions in CI, where there is no GPU. Slow, and for tests only.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from engines.backends.cuda.driver import Dim3, KernelArgument
from engines.backends.cuda.kernels.compile import FOLDER, NAMES
from engines.errors import BuildError

COMPILERS = ("g++", "clang++")
OPTIONS = ("-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-shared", "-fPIC")


class HostKernels:
    """Every kernel as a function of this process; addresses are those of host memory."""

    def __init__(self, folder: Path) -> None:
        """Compile them all into `folder`. Raises BuildError."""
        compiler = next(filter(shutil.which, COMPILERS), None)
        if compiler is None:
            raise BuildError(f"no C++ compiler is there ({', '.join(COMPILERS)}); install one")
        self._functions = {name: _compiled(compiler, name, folder) for name in NAMES}

    def run(self, name: str, grid: Dim3, block: Dim3, arguments: Sequence[KernelArgument]) -> None:
        """One launch, done when this returns."""
        kept = [np.array(argument) for argument in arguments]
        addresses = (ctypes.c_void_p * len(kept))(*(each.ctypes.data for each in kept))
        self._functions[name](_three(grid), _three(block), addresses)


def _three(sides: Dim3) -> ctypes.Array[ctypes.c_uint]:
    return (ctypes.c_uint * 3)(sides.x, sides.y, sides.z)


def _compiled(compiler: str, name: str, folder: Path) -> Callable[..., None]:
    made = folder / f"{name}.so"
    command = [compiler, *OPTIONS, "-include", str(FOLDER / "host_cuda.h"), "-x", "c++"]
    done = subprocess.run(
        [*command, str(FOLDER / f"{name}.cu"), "-o", str(made)], capture_output=True, check=False
    )
    if done.returncode:
        raise BuildError(f"kernel {name}: {done.stderr.decode(errors='replace').splitlines()[0]}")
    function: Callable[..., None] = getattr(ctypes.CDLL(str(made)), f"{name}_on_host")
    return function

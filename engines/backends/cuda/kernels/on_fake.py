"""The kernels on a fake GPU: their own source, run on the memory that the fake keeps for addresses.

Every stretch of memory that a kernel may touch is asked for first, so that the fake finds what is freed or too
small.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engines.arrays import I64
from engines.backends.cuda.driver import KernelArgument
from engines.backends.cuda.fake_gpu import FakeKernel, FakeLaunch
from engines.backends.cuda.kernels.on_host import HostKernels
from engines.backends.cuda.kernels.plain import NUMBERS
from engines.backends.cuda.surface import ROW_COLUMNS, Layout

SLOT = ROW_COLUMNS - 1
"""of a letterbox's row"""


def fake_kernels(host: HostKernels) -> Mapping[str, FakeKernel]:
    """For FakeGpu(kernels=...)."""
    return {
        "letterbox": lambda launch: _letterbox(host, launch),
        "crops": lambda launch: _crops(host, launch),
        "rgb": lambda launch: _rgb(host, launch),
        "candidates": lambda launch: _candidates(host, launch),
        "looks": lambda launch: _looks(host, launch),
    }


def _letterbox(host: HostKernels, launch: FakeLaunch) -> None:
    count, width, height = launch.grid.z, int(launch.arguments[2]), int(launch.arguments[3])
    pictures = int(_rows(launch, count)[:, SLOT].max()) + 1
    _on_table(host, "letterbox", launch, count, pictures * height * width * 3)


def _crops(host: HostKernels, launch: FakeLaunch) -> None:
    count, side = launch.grid.z, int(launch.arguments[2])
    _on_table(host, "crops", launch, count, count * side * side * 3)


def _rgb(host: HostKernels, launch: FakeLaunch) -> None:
    row = _rows(launch, 1)[0]
    _on_table(host, "rgb", launch, 1, int(row[2] * row[3] * 3))


def _candidates(host: HostKernels, launch: FakeLaunch) -> None:
    pictures, cells, capacity = launch.grid.z, int(launch.arguments[7]), int(launch.arguments[8])
    maps = [4 * pictures * channels * cells for channels in (1, 2, 2, 10)]
    found = [4 * pictures, 4 * pictures * capacity, 4 * pictures * capacity * NUMBERS]
    _run(host, "candidates", launch, [*maps, *found])


def _looks(host: HostKernels, launch: FakeLaunch) -> None:
    count = launch.grid.z
    side, room, small = (int(argument) for argument in launch.arguments[4:])
    _run(host, "looks", launch, [count * side * side * 3, 4 * count, count * room, count * small * small * 3])


def _on_table(host: HostKernels, name: str, launch: FakeLaunch, rows: int, output_bytes: int) -> None:
    """A kernel whose first arguments are a table, whose pictures' addresses are translated too, and its output."""
    table = _rows(launch, rows).copy()
    for row in table:
        turned, nv12 = bool(row[7] & 1), row[5] == Layout.NV12
        lines = int(row[2] if turned else row[3])
        row[0] = _address(launch, int(row[0]), lines * int(row[4]))
        if nv12:
            row[1] = _address(launch, int(row[1]), -(-lines // 2) * int(row[4]))
    output = _address(launch, int(launch.arguments[1]), output_bytes)
    pointers = (np.uintp(table.ctypes.data), np.uintp(output))
    host.run(name, launch.grid, launch.block, (*pointers, *launch.arguments[2:]))


def _run(host: HostKernels, name: str, launch: FakeLaunch, sizes: list[int]) -> None:
    """A kernel whose first arguments are pointers to this many bytes each."""
    pointers: list[KernelArgument] = [
        np.uintp(_address(launch, int(argument), size))
        for argument, size in zip(launch.arguments, sizes, strict=False)
    ]
    host.run(name, launch.grid, launch.block, (*pointers, *launch.arguments[len(sizes) :]))


def _rows(launch: FakeLaunch, rows: int) -> I64:
    found: I64 = launch.array(0, (rows, ROW_COLUMNS), np.int64)
    return found


def _address(launch: FakeLaunch, pointer: int, size_bytes: int) -> int:
    return launch.gpu.bytes_at(pointer, size_bytes).ctypes.data

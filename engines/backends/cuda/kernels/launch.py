"""Starting kernels: loaded once for a GPU, launched by a worker on a stream, told by a table where pictures are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engines.arrays import I64, U8
from engines.backends.cuda.driver import (
    DeviceMemory,
    Dim3,
    Driver,
    Kernel,
    KernelArgument,
    Module,
    PinnedMemory,
    Stream,
)
from engines.backends.cuda.kernels.compile import NAMES, cubin
from engines.backends.cuda.kernels.plain import NUMBERS, Candidates
from engines.backends.cuda.surface import ROW_COLUMNS, Surface, table

BLOCK = Dim3(32, 8)
"""threads: a warp is a stretch of one row, so that neighbours write together"""
CELL_BLOCK = Dim3(256)
GREY_PX = 64
"""longest side of a grey picture (pipeline/alignment/quality.py)"""
SHRUNK_PX = 36
"""side of a small coloured one (pipeline/alignment/occlusion.py)"""
FIRST_ROWS = 64
"""of a table; it grows when a batch needs more"""

Compile = Callable[[str, str], bytes]
"""name of a kernel, compute capability -> its code"""


@dataclass(frozen=True, slots=True)
class Letterboxed:
    """A rectangle of a scaled picture, and where it lies in a detector's input; pixels."""

    surface: Surface
    scaled_width: int
    """of the whole picture"""
    scaled_height: int
    x: int
    """left edge, in the scaled picture"""
    y: int
    """upper edge, in the scaled picture"""
    width: int
    """may reach beyond the scaled picture: black there"""
    height: int
    to_x: int
    """left edge, in the input"""
    to_y: int
    """upper edge, in the input"""
    slot: int
    """which picture of the input"""

    @property
    def row(self) -> tuple[int, ...]:
        """Of the kernel's table."""
        inside = (self.x, self.y, self.width, self.height, self.to_x, self.to_y, self.slot)
        return self.surface.row((self.scaled_width, self.scaled_height, *inside))


@dataclass(frozen=True, slots=True)
class InputAt:
    """Where a detector's input lies on the device, uint8 (n, height, width, 3)."""

    pointer: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class MapsAt:
    """Where CenterFace's maps of a batch lie on the device, each float32 (n, channels, h, w)."""

    heat: int
    scale: int
    offset: int
    points: int
    pictures: int
    """n"""
    cells: int
    """h * w"""


@dataclass(frozen=True, slots=True)
class CandidatesAt:
    """Where the candidates of a batch go on the device."""

    counts: int
    """int32 (n,)"""
    cells: int
    """int32 (n, capacity)"""
    numbers: int
    """float32 (n, capacity, 15)"""
    capacity: int
    """cells of a picture that there is room for"""

    @staticmethod
    def in_bytes(pointer: int, pictures: int, capacity: int) -> CandidatesAt:
        """One after the other from here, so that one copy brings them all."""
        cells = pointer + 4 * pictures
        return CandidatesAt(pointer, cells, cells + 4 * pictures * capacity, capacity)

    @staticmethod
    def size_bytes(pictures: int, capacity: int) -> int:
        """Of all three."""
        return 4 * pictures * (1 + capacity * (1 + NUMBERS))


def read_candidates(said: U8, pictures: int, capacity: int) -> list[Candidates | None]:
    """What `CandidatesAt.in_bytes` holds, a picture each, in the map's order; None where there were more than room.

    The kernel's threads come in any order: put in the map's, the same picture gives the same candidates.
    """
    counts, cells, numbers = np.split(said.view(np.int32), [pictures, pictures * (1 + capacity)])
    found: list[Candidates | None] = []
    for row, count in enumerate(counts.tolist()):
        here = slice(row * capacity, row * capacity + count)
        order = np.argsort(cells[here])
        rows = numbers.view(np.float32).reshape(-1, NUMBERS)[here]
        some = Candidates(cells[here][order].astype(np.int64), rows[order])
        found.append(None if count > capacity else some)
    return found


class Kernels:
    """The kernels on one GPU; whoever launches has a `Tables` of their own."""

    def __init__(self, driver: Driver, compute_capability: str, compile_: Compile = cubin) -> None:
        """`compute_capability` of the driver's GPU, as "9.0"."""
        self.driver = driver
        self._capability = compute_capability
        self._compile = compile_
        self._modules: dict[str, Module] = {}
        self._kernels: dict[str, Kernel] = {}

    def open(self) -> None:
        """Compile and load all of them, in a second. Raises BuildError, BackendError."""
        with self.driver.current():
            for name in NAMES:
                module = self.driver.load_module(self._compile(name, self._capability))
                self._modules[name] = module
                self._kernels[name] = self.driver.kernel(module, name)

    def close(self) -> None:
        """Unload them; a second call does nothing."""
        modules, self._modules, self._kernels = self._modules, {}, {}
        if modules:
            with self.driver.current():
                for module in modules.values():
                    self.driver.unload_module(module)

    def letterbox(self, rows: int, places: Sequence[Letterboxed], at: InputAt, stream: Stream) -> None:
        """The rectangles whose rows, `Letterboxed.row`, are at `rows`, into a detector's input."""
        grid = _grid(max(each.width for each in places), max(each.height for each in places), len(places))
        arguments = (np.uintp(rows), np.uintp(at.pointer), np.int32(at.width), np.int32(at.height))
        self._launch("letterbox", grid, arguments, stream)

    def crops(self, rows: int, count: int, target: int, side: int, stream: Stream) -> None:
        """`count` places of the table at `rows` into uint8 (count, side, side, 3) at `target`."""
        arguments = (np.uintp(rows), np.uintp(target), np.int32(side))
        self._launch("crops", _grid(side, side, count), arguments, stream)

    def rgb(self, rows: int, surface: Surface, target: int, stream: Stream) -> None:
        """The picture of the table's first row as upright RGB uint8 (H, W, 3) at `target`."""
        grid = _grid(surface.width, surface.height, 1)
        self._launch("rgb", grid, (np.uintp(rows), np.uintp(target)), stream)

    def candidates(self, maps: MapsAt, found: CandidatesAt, low_score: float, stream: Stream) -> None:
        """The cells of `maps` above `low_score`, in no order, into `found`."""
        self.driver.fill(found.counts, 0, 4 * maps.pictures, stream)
        pointers = (maps.heat, maps.scale, maps.offset, maps.points, found.counts, found.cells, found.numbers)
        self.driver.launch(
            self._kernels["candidates"],
            Dim3(-(-maps.cells // CELL_BLOCK.x), 1, maps.pictures),
            CELL_BLOCK,
            (
                *(np.uintp(pointer) for pointer in pointers),
                np.int32(maps.cells),
                np.int32(found.capacity),
                np.float32(low_score),
            ),
            stream,
        )

    def looks(
        self, crops: int, sides: int, grey: int, small: int, count: int, side: int, stream: Stream
    ) -> None:
        """Crops uint8 (count, side, side, 3) -> grey (count, 4096), small (count, 36, 36, 3).

        `sides`, int32 (count,), are those of the grey pictures, GREY_PX at most.
        """
        pointers = (np.uintp(crops), np.uintp(sides), np.uintp(grey), np.uintp(small))
        numbers = (np.int32(side), np.int32(GREY_PX * GREY_PX), np.int32(SHRUNK_PX))
        self._launch("looks", _grid(GREY_PX, GREY_PX, count), (*pointers, *numbers), stream)

    def _launch(self, name: str, grid: Dim3, arguments: Sequence[KernelArgument], stream: Stream) -> None:
        self.driver.launch(self._kernels[name], grid, BLOCK, arguments, stream)


class Tables:
    """Room for one table on host and device. Its user waits for the stream before the next `put`."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._pinned: PinnedMemory | None = None
        self._device: DeviceMemory | None = None

    def put(self, rows: Sequence[tuple[int, ...]], stream: Stream) -> int:
        """Begin to copy `Surface.row`s to the device, and where they will be."""
        return self.put_numbers(table(rows), stream)

    def put_numbers(self, numbers: I64 | U8, stream: Stream) -> int:
        """As `put`, for any array."""
        sent = np.ascontiguousarray(numbers).reshape(-1).view(np.uint8)
        pinned, device = self._room(sent.nbytes)
        pinned.bytes[: sent.nbytes] = sent
        self._driver.copy_to_device(device.pointer, pinned.bytes[: sent.nbytes], stream)
        return device.pointer

    def close(self) -> None:
        """Free both; a second call does nothing. Inside the driver's context."""
        pinned, device = self._pinned, self._device
        self._pinned = self._device = None
        if pinned is not None:
            self._driver.free_pinned(pinned)
        if device is not None:
            self._driver.free_device(device)

    def _room(self, size: int) -> tuple[PinnedMemory, DeviceMemory]:
        if self._pinned is None or self._device is None or self._pinned.bytes.nbytes < size:
            self.close()
            room = max(size, FIRST_ROWS * ROW_COLUMNS * 8)
            self._pinned = self._driver.allocate_pinned(room)
            self._device = self._driver.allocate_device(room)
        return self._pinned, self._device


def _grid(width: int, height: int, count: int) -> Dim3:
    return Dim3(-(-width // BLOCK.x), -(-height // BLOCK.y), count)

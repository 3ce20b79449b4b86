"""A GPU that is a stretch of host memory: blocks with addresses, streams with queues, and their rules.

For tests, here and in programs built on this one. Where a real GPU would go on in silence, this one raises
`MisuseError`: memory used after it was freed or outside its block, a buffer of the host that was written while a copy
of it was still to come, work freed from under a stream.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engines.arrays import U8
from engines.backends.cuda.driver import Dim3, KernelArgument, OutOfDeviceMemoryError

FRESH = 0xCD
"""every byte of new memory, so that nobody takes it for zeros"""
FIRST_ADDRESS = 0x7F00_0000_0000
ALIGNMENT = 256
"""cuMemAlloc's; there is as much between two blocks at least, which belongs to nobody"""


class MisuseError(Exception):
    """A rule of CUDA was broken; a mistake in the program, so that nothing catches it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes in a row, of the device or of the host."""

    start: int
    size: int

    def overlaps(self, other: Span) -> bool:
        return self.start < other.start + other.size and other.start < self.start + self.size

    def holds(self, other: Span) -> bool:
        return self.start <= other.start and other.start + other.size <= self.start + self.size


def span_of(array: U8) -> Span:
    """Where an array of the host lies."""
    return Span(array.ctypes.data, array.nbytes)


@dataclass(eq=False, slots=True)
class Block:
    """One allocation, of the device or of pinned host memory."""

    span: Span
    data: U8
    name: str
    freed: bool = False


@dataclass(eq=False, slots=True)
class Place:
    """One record of an event: reached when its turn in the stream comes."""

    stream: FakeStream
    reached: bool = False


@dataclass(eq=False, slots=True)
class FakeEvent:
    """What was recorded last; who waits, waits for that, also when it is recorded again meanwhile."""

    last: Place | None = None
    freed: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Work:
    """One thing that a stream was given: when its turn comes, `run` is called."""

    name: str
    run: Callable[[], None]
    device: tuple[Span, ...] = ()
    """memory of the device that it reads or writes"""
    host: tuple[Span, ...] = ()
    """pinned memory that it reads or writes"""
    source: U8 | None = None
    """what it reads of the host: must not change until it has run"""
    sent: bytes = b""
    """what `source` held when the work was given"""
    holds: object = None
    """a graph that must stay while this is to come"""
    until: Place | None = None
    """what must be reached first"""


@dataclass(eq=False, slots=True)
class FakeStream:
    """Work to come, in order; written down instead while `captured` is a list."""

    name: str
    queue: deque[Work] = field(default_factory=deque)
    captured: list[Work] | None = None
    captured_by: int = 0
    """the thread that began it"""
    spoilt: bool = False
    """a call failed during the capture"""
    freed: bool = False


@dataclass(frozen=True, slots=True)
class FakeLaunch:
    """What a fake kernel is called with."""

    grid: Dim3
    block: Dim3
    arguments: tuple[KernelArgument, ...]
    shared_bytes: int
    gpu: FakeGpu

    def array(self, argument: int, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Device memory at the pointer that is this argument, as an array to read and write."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return self.gpu.bytes_at(int(self.arguments[argument]), size).view(dtype).reshape(shape)


FakeKernel = Callable[[FakeLaunch], None]


class FakeGpu:
    """The device that fake drivers share; safe to use from several threads."""

    def __init__(
        self,
        memory_bytes: int = 1 << 30,
        kernels: Mapping[str, FakeKernel] | None = None,
        index: int = 0,
        name: str = "Fake GPU",
    ) -> None:
        """`kernels` are found by name in every module that is loaded."""
        self.memory_bytes = memory_bytes
        self.kernels = dict(kernels or {})
        self.index = index
        self.name = name
        self.lock = threading.RLock()
        self.streams: list[FakeStream] = []
        self._blocks: list[Block] = []
        self._pinned: list[Block] = []
        self._next = FIRST_ADDRESS

    @property
    def held_bytes(self) -> int:
        """Device memory that is allocated."""
        return sum(block.span.size for block in self._blocks if not block.freed)

    @property
    def pinned_bytes(self) -> int:
        """Host memory that is allocated."""
        return sum(block.span.size for block in self._pinned if not block.freed)

    def allocate(self, size_bytes: int) -> Block:
        """A block of fresh device memory. Raises OutOfDeviceMemoryError."""
        if size_bytes <= 0:
            raise MisuseError(f"{size_bytes} bytes of device memory asked for")
        if self.held_bytes + size_bytes > self.memory_bytes:
            raise OutOfDeviceMemoryError(
                f"{self.name}: out of memory: {size_bytes} bytes asked for, "
                f"{self.memory_bytes - self.held_bytes} of {self.memory_bytes} free"
            )
        span = Span(self._next, size_bytes)
        self._next += -(-size_bytes // ALIGNMENT) * ALIGNMENT + ALIGNMENT
        block = Block(span, np.full(size_bytes, FRESH, np.uint8), f"device memory {span.start:#x}")
        self._blocks.append(block)
        return block

    def allocate_pinned(self, size_bytes: int) -> Block:
        """A block of fresh pinned memory."""
        if size_bytes <= 0:
            raise MisuseError(f"{size_bytes} bytes of pinned memory asked for")
        data = np.full(size_bytes, FRESH, np.uint8)
        block = Block(span_of(data), data, f"pinned memory of {size_bytes} bytes")
        self._pinned.append(block)
        return block

    def free(self, block: Block) -> None:
        """Give a block of either kind back; nothing may be under way with it."""
        if block.freed:
            raise MisuseError(f"{block.name} is freed twice")
        for work in self._to_come():
            if any(span.overlaps(block.span) for span in (*work.device, *work.host)):
                raise MisuseError(f"{block.name} is freed before {work.name}, which uses it, has run")
        block.freed = True
        block.data = np.empty(0, np.uint8)

    def bytes_at(self, pointer: int, size_bytes: int) -> U8:
        """Device memory as it is now, to read and write; for kernels and for tests."""
        span = Span(pointer, size_bytes)
        block = self._block(self._blocks, span, "device")
        at = pointer - block.span.start
        return block.data[at : at + size_bytes]

    def check(self, work: Work, stream: FakeStream) -> None:
        """What must hold of work when it is given, and again when its turn comes."""
        for span in work.device:
            self._block(self._blocks, span, f"{work.name}: device")
        for span in work.host:
            self._block(self._pinned, span, f"{work.name}: pinned host")
            for other in self._to_come(but=stream):
                if any(span.overlaps(theirs) for theirs in other.host):
                    raise MisuseError(
                        f"{work.name} and {other.name} of another stream use the same host memory"
                    )

    def give(self, work: Work, stream: FakeStream) -> None:
        """Append work to a stream, or to what is being captured of it."""
        if stream.freed:
            raise MisuseError(f"{work.name} is given to {stream.name}, which is freed")
        self.check(work, stream)
        if stream.captured is not None:
            stream.captured.append(work)
            return
        if work.source is not None:
            work = replace(work, sent=work.source.tobytes())
        stream.queue.append(work)

    def drain(self, stream: FakeStream) -> None:
        """Run all that a stream was given."""
        while stream.queue:
            self._step(stream)

    def _step(self, stream: FakeStream) -> None:
        work = stream.queue[0]
        if work.until is not None:
            while not work.until.reached:
                self._step(work.until.stream)
        stream.queue.popleft()
        self.check(work, stream)
        if work.source is not None and work.source.tobytes() != work.sent:
            raise MisuseError(f"{work.name}: the host memory was written before its copy had run")
        work.run()

    def _to_come(self, but: FakeStream | None = None) -> Iterator[Work]:
        return (work for stream in self.streams if stream is not but for work in stream.queue)

    @staticmethod
    def _block(blocks: list[Block], span: Span, what: str) -> Block:
        # Newest first: the host gives the address of a freed block out again.
        for block in reversed(blocks):
            if block.span.overlaps(span) and not (block.freed and not block.span.holds(span)):
                if block.freed:
                    raise MisuseError(f"{what} memory at {span.start:#x} is used after it was freed")
                if not block.span.holds(span):
                    raise MisuseError(
                        f"{what} memory: {span.size} bytes at {span.start:#x} reach over the end of a block of "
                        f"{block.span.size} at {block.span.start:#x}"
                    )
                return block
        raise MisuseError(f"{what} memory: {span.size} bytes at {span.start:#x} belong to no block")

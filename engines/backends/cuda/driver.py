"""What is used of CUDA, and nothing more: the protocol that PyCUDA and the fake keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from engines.arrays import U8
from engines.errors import BackendError

KernelArgument = np.number[Any]
"""a numpy scalar of the width the kernel declares: np.uintp a pointer, np.int32, np.float32, ..."""


class OutOfDeviceMemoryError(BackendError):
    """The GPU has no memory left for an allocation."""


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """Of the whole GPU, with what other programs hold."""

    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Dim3:
    """Blocks in a grid, or threads in a block."""

    x: int
    y: int = 1
    z: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Work is done in the order it was given, and not before; two streams know nothing of each other."""

    handle: int
    """CUstream, for TensorRT"""
    native: Any
    """the driver's own object"""


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """A place in a stream's work that another stream, or the host, can wait for."""

    native: Any


@dataclass(frozen=True, slots=True, eq=False)
class DeviceMemory:
    """Memory of the GPU, aligned to at least 256 bytes."""

    pointer: int
    size_bytes: int
    native: Any


@dataclass(frozen=True, slots=True, eq=False)
class PinnedMemory:
    """Memory of the host that is never paged out, so that copies from and to it run beside the program."""

    bytes: U8
    """uint8 (size,); not to be touched while a copy that names it may still run"""
    native: Any


@dataclass(frozen=True, slots=True, eq=False)
class Kernel:
    """A function of a loaded module."""

    name: str
    native: Any


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """Compiled kernels, on the GPU."""

    native: Any


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A captured piece of a stream's work, launched as one; addresses and sizes are fixed in it."""

    native: Any


class Driver(Protocol):
    """One GPU's primary context, and what is done in it.

    All drivers of one GPU in a process share that context, as TensorRT, torch and the decoder do: pointers,
    events and streams of one are good in another. `open` comes first and `close` last; between them every call
    but `current` needs the calling thread to be inside `with driver.current()`. Copies, kernels and graphs are
    only begun by their calls: they have run when `synchronise` returns. All calls raise BackendError.
    """

    gpu: int
    """the GPU's index"""

    def open(self) -> None:
        """Take hold of the GPU."""
        ...

    def close(self) -> None:
        """Let go of the GPU; whoever allocated has freed before. Never raises, and a second call does nothing."""
        ...

    def current(self) -> AbstractContextManager[None]:
        """Makes the context the calling thread's, inside; may be nested."""
        ...

    def memory(self) -> GpuMemory: ...

    def new_stream(self) -> Stream: ...

    def free_stream(self, stream: Stream) -> None: ...

    def synchronise(self, stream: Stream) -> None:
        """Wait until the stream's work is done; other Python threads run meanwhile."""
        ...

    def new_event(self) -> Event: ...

    def free_event(self, event: Event) -> None: ...

    def record(self, event: Event, stream: Stream) -> None:
        """The event is reached when what the stream was given so far is done."""
        ...

    def wait(self, stream: Stream, event: Event) -> None:
        """What the stream is given from now on begins after the event as last recorded."""
        ...

    def allocate_device(self, size_bytes: int) -> DeviceMemory:
        """Raises OutOfDeviceMemoryError."""
        ...

    def free_device(self, memory: DeviceMemory) -> None: ...

    def allocate_pinned(self, size_bytes: int) -> PinnedMemory: ...

    def free_pinned(self, memory: PinnedMemory) -> None:
        """No array over it may be used afterwards."""
        ...

    def copy_to_device(self, pointer: int, pinned: U8, stream: Stream) -> None:
        """Begin to copy all of `pinned`, a part of a PinnedMemory's bytes."""
        ...

    def copy_to_host(self, pinned: U8, pointer: int, stream: Stream) -> None:
        """Begin to fill all of `pinned`, a part of a PinnedMemory's bytes."""
        ...

    def copy_on_device(self, target: int, source: int, size_bytes: int, stream: Stream) -> None: ...

    def fill(self, pointer: int, value: int, size_bytes: int, stream: Stream) -> None:
        """Begin to set every byte to `value`."""
        ...

    def load_module(self, image: bytes) -> Module:
        """Of a cubin, a fatbin or PTX text that ends in a zero byte."""
        ...

    def unload_module(self, module: Module) -> None: ...

    def kernel(self, module: Module, name: str) -> Kernel:
        """By the name it has in the module: extern "C", or mangled."""
        ...

    def launch(
        self,
        kernel: Kernel,
        grid: Dim3,
        block: Dim3,
        arguments: Sequence[KernelArgument],
        stream: Stream,
        shared_bytes: int = 0,
    ) -> None: ...

    def begin_capture(self, stream: Stream) -> None:
        """What this stream is given from now on is written down instead of done; other threads work on."""
        ...

    def end_capture(self, stream: Stream) -> Graph:
        """Everything since `begin_capture`; after an error in between the stream is usable again, and this raises."""
        ...

    def launch_graph(self, graph: Graph, stream: Stream) -> None: ...

    def free_graph(self, graph: Graph) -> None: ...


@contextmanager
def held(driver: Driver) -> Iterator[None]:
    """A driver that is not open: inside, its GPU is the one that libraries of this thread work on."""
    driver.open()
    try:
        with driver.current():
            yield
    finally:
        driver.close()

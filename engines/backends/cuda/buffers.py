"""Memory that an engine works in: taken once, used again, within a stated budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engines.arrays import U8, Batch
from engines.backends.cuda.device_array import DeviceArray
from engines.backends.cuda.driver import (
    DeviceMemory,
    Driver,
    OutOfDeviceMemoryError,
    PinnedMemory,
    Stream,
)
from engines.errors import BackendError

PAGE_BYTES = 1 << 16
"""sizes are rounded up to it; the GPU's own pages are 2 MiB, which cuMemAlloc shares among small blocks"""


class DeviceBudget:
    """How much of a GPU's memory one engine may hold."""

    def __init__(self, name: str, limit_bytes: int) -> None:
        """`name` is what errors call the engine."""
        self.name = name
        self.limit_bytes = limit_bytes
        self.held_bytes = 0

    def take(self, size_bytes: int, what: str) -> None:
        """Count memory as held. Raises BackendError, which names the budget, where it would not be enough."""
        if self.held_bytes + size_bytes > self.limit_bytes:
            raise BackendError(
                f"{self.name} needs {_mib(self.held_bytes + size_bytes)} MiB of the GPU's memory ({what}), and "
                f"engine.gpu_memory_mib allows {self.limit_bytes >> 20}: raise it, or lower the batch or the image"
            )
        self.held_bytes += size_bytes

    def give(self, size_bytes: int) -> None:
        """Count memory as given back."""
        self.held_bytes -= size_bytes


@dataclass(slots=True)
class DeviceBuffer:
    """A block of device memory that grows when it must, and so moves."""

    driver: Driver
    budget: DeviceBudget
    what: str
    memory: DeviceMemory | None = None

    def suffices(self, size_bytes: int) -> bool:
        """Whether it has as many bytes as that."""
        return size_bytes <= (0 if self.memory is None else self.memory.size_bytes)

    def grow(self, size_bytes: int) -> None:
        """Have at least this many bytes, contents lost; nothing may be under way with it. Raises BackendError."""
        self.free()
        size = -(-size_bytes // PAGE_BYTES) * PAGE_BYTES
        self.budget.take(size, self.what)
        try:
            self.memory = self.driver.allocate_device(size)
        except OutOfDeviceMemoryError as error:
            self.budget.give(size)
            free = self.driver.memory().free_bytes
            raise OutOfDeviceMemoryError(
                f"{self.budget.name}: GPU {self.driver.gpu} has {free >> 20} MiB left, and {self.what} needs "
                f"{_mib(size)} MiB: end other programs on it, choose another GPU (engine.gpu), or lower the batch"
            ) from error
        except BackendError:
            self.budget.give(size)
            raise

    def free(self) -> None:
        """Give it back; nothing may be under way with it. Raises BackendError."""
        memory, self.memory = self.memory, None
        if memory is not None:
            self.budget.give(memory.size_bytes)
            self.driver.free_device(memory)


@dataclass(slots=True)
class TensorBuffer:
    """One tensor's memory on the device, and pinned memory to reach it from the host, once that is asked for."""

    device: DeviceBuffer
    pinned: PinnedMemory | None = None

    @property
    def pointer(self) -> int:
        """On the device."""
        assert self.device.memory is not None  # grown before it is used
        return self.device.memory.pointer

    def reach(self, size_bytes: int, stream: Stream) -> U8:
        """Pinned memory of this size; what is under way on the stream is waited for where it must grow."""
        driver, memory = self.device.driver, self.device.memory
        assert memory is not None  # grown before it is used
        if self.pinned is None or len(self.pinned.bytes) < size_bytes:
            driver.synchronise(stream)
            self._unpin()
            self.pinned = driver.allocate_pinned(memory.size_bytes)
        return self.pinned.bytes[:size_bytes]

    def free(self) -> None:
        """Give both back; nothing may be under way with them. Raises BackendError."""
        try:
            self._unpin()
        finally:
            self.device.free()

    def _unpin(self) -> None:
        pinned, self.pinned = self.pinned, None
        if pinned is not None:
            self.device.driver.free_pinned(pinned)


def _mib(size_bytes: int) -> int:
    return -(-size_bytes // (1 << 20))


class NetworkBuffers:
    """The memory that a network's batches go through, each tensor's and the workspace between them.

    Addresses stay until something grows.
    """

    def __init__(self, driver: Driver, budget: DeviceBudget, tensors: Sequence[str]) -> None:
        self._driver = driver
        self._tensors = {
            name: TensorBuffer(DeviceBuffer(driver, budget, f"tensor {name}")) for name in tensors
        }
        self._workspace = DeviceBuffer(driver, budget, "the network's workspace")

    @property
    def addresses(self) -> dict[str, int]:
        """Of every tensor, on the device."""
        return {name: buffer.pointer for name, buffer in self._tensors.items()}

    @property
    def workspace(self) -> DeviceMemory | None:
        """None where no network asked for any."""
        return self._workspace.memory

    def suffice(self, tensor_bytes: Mapping[str, int], workspace_bytes: int) -> bool:
        """Whether a network of these sizes can run without anything growing."""
        return self._workspace.suffices(workspace_bytes) and all(
            self._tensors[name].device.suffices(size) for name, size in tensor_bytes.items()
        )

    def grow(self, tensor_bytes: Mapping[str, int], workspace_bytes: int) -> None:
        """Have as much as that; nothing may be under way. Raises BackendError."""
        for name, size in tensor_bytes.items():
            if not self._tensors[name].device.suffices(size):
                self._tensors[name].device.grow(size)
        if not self._workspace.suffices(workspace_bytes):
            self._workspace.grow(workspace_bytes)

    def send(self, name: str, rows: Batch, stream: Stream) -> None:
        """Begin to copy rows of the host into a tensor, from its beginning."""
        buffer = self._tensors[name]
        pinned = buffer.reach(rows.nbytes, stream)
        np.copyto(pinned.view(rows.dtype).reshape(rows.shape), rows)
        self._driver.copy_to_device(buffer.pointer, pinned, stream)

    def take_over(self, name: str, array: DeviceArray, start: int, stop: int, stream: Stream) -> None:
        """Begin to copy rows that are on the device already into a tensor, from its beginning."""
        if array.ready is not None:
            self._driver.wait(stream, array.ready)
        source, size_bytes = array.pointer + start * array.row_bytes, (stop - start) * array.row_bytes
        self._driver.copy_on_device(self._tensors[name].pointer, source, size_bytes, stream)

    def fetch(self, name: str, size_bytes: int, stream: Stream) -> U8:
        """Begin to copy a tensor's first bytes to the host; they are there when the stream is synchronised."""
        buffer = self._tensors[name]
        pinned = buffer.reach(size_bytes, stream)
        self._driver.copy_to_host(pinned, buffer.pointer, stream)
        return pinned

    def free(self) -> None:
        """Give all back; nothing may be under way. Raises BackendError after it has tried each."""
        problems = []
        for free in (*(buffer.free for buffer in self._tensors.values()), self._workspace.free):
            try:
                free()
            except BackendError as error:
                problems.append(error)
        if problems:
            raise problems[0]

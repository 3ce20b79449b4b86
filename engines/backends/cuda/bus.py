"""The bus between host and GPU: the one place where pixels cross it, and where it is counted what did."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from engines.arrays import U8
from engines.backends.cuda.driver import Driver, PinnedMemory, Stream


@dataclass(frozen=True, slots=True)
class Crossed:
    """What crossed since the bus was opened."""

    up_bytes: int = 0
    """host to device"""
    down_bytes: int = 0
    """device to host"""
    up_copies: int = 0
    down_copies: int = 0


class Bus:
    """Copies through a pinned buffer that is used again, on a stream of its own; done when a call returns.

    On any thread that is inside the driver's context; one copy at a time.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._lock = threading.Lock()
        self._stream: Stream | None = None
        self._pinned: PinnedMemory | None = None
        self._crossed = Crossed()

    @property
    def crossed(self) -> Crossed:
        """So far."""
        return self._crossed

    def up(self, array: U8, pointer: int) -> None:
        """Copy an array of any strides to the device, dense. Raises BackendError."""
        with self._lock:
            stream, room = self._room(array.nbytes)
            np.copyto(room.reshape(array.shape), array)
            self._driver.copy_to_device(pointer, room, stream)
            self._driver.synchronise(stream)
            known = self._crossed
            self._crossed = replace(
                known, up_bytes=known.up_bytes + array.nbytes, up_copies=known.up_copies + 1
            )

    def down(self, pointer: int, shape: tuple[int, ...]) -> U8:
        """A dense array of the device, freshly owned. Raises BackendError."""
        if not prod(shape):
            return np.zeros(shape, np.uint8)
        with self._lock:
            stream, room = self._room(prod(shape))
            self._driver.copy_to_host(room, pointer, stream)
            self._driver.synchronise(stream)
            known = self._crossed
            self._crossed = replace(
                known, down_bytes=known.down_bytes + room.nbytes, down_copies=known.down_copies + 1
            )
            return room.reshape(shape).copy()

    def close(self) -> None:
        """Give stream and buffer back; a second call does nothing."""
        with self._lock:
            stream, pinned = self._stream, self._pinned
            self._stream = self._pinned = None
            if pinned is not None:
                self._driver.free_pinned(pinned)
            if stream is not None:
                self._driver.free_stream(stream)

    def _room(self, size: int) -> tuple[Stream, U8]:
        """The stream, and the first `size` bytes of a pinned buffer that is large enough."""
        if self._stream is None:
            self._stream = self._driver.new_stream()
        if self._pinned is None or self._pinned.bytes.nbytes < size:
            if self._pinned is not None:
                old, self._pinned = self._pinned, None
                self._driver.free_pinned(old)
            self._pinned = self._driver.allocate_pinned(size)
        return self._stream, self._pinned.bytes[:size]

"""Device memory that is used again: pictures and crops come and go, and allocating waits for the GPU."""

from __future__ import annotations

import threading
from collections import deque

from engines.backends.cuda.driver import DeviceMemory, Driver, OutOfDeviceMemoryError

GRAIN_BYTES = 64 * 1024
"""sizes are rounded up to multiples, so that a crop more does not need memory of its own kind"""


class Lease:
    """Memory out of a pool; it goes back when nobody refers to the lease any more, on whatever thread that is."""

    def __init__(self, memory: DeviceMemory, returned: deque[DeviceMemory]) -> None:
        self._memory = memory
        self._returned = returned

    @property
    def pointer(self) -> int:
        return self._memory.pointer

    @property
    def size_bytes(self) -> int:
        """At least what was asked for."""
        return self._memory.size_bytes

    def __del__(self) -> None:
        # Nothing of CUDA here: the collector runs on any thread, and at any time.
        self._returned.append(self._memory)


class DevicePool:
    """A bounded amount of a GPU's memory. On any thread that is inside the driver's context.

    Whoever gives a lease up has waited for the work that used it: the next holder may write at once.
    """

    def __init__(self, driver: Driver, max_bytes: int) -> None:
        """`max_bytes` of device memory are held at most, idle memory counted in."""
        self.max_bytes = max_bytes
        self._driver = driver
        self._lock = threading.Lock()
        self._returned: deque[DeviceMemory] = deque()
        self._idle: dict[int, list[DeviceMemory]] = {}
        self._held_bytes = 0

    @property
    def held_bytes(self) -> int:
        """Allocated now, in use or idle."""
        return self._held_bytes

    def take(self, size_bytes: int) -> Lease:
        """Memory of at least this size. Raises OutOfDeviceMemoryError where it would be more than the bound."""
        size = -(-max(size_bytes, 1) // GRAIN_BYTES) * GRAIN_BYTES
        with self._lock:
            self._collect()
            idle = self._idle.get(size)
            if idle:
                return Lease(idle.pop(), self._returned)
            if self._held_bytes + size > self.max_bytes:
                self._free_idle()
            if self._held_bytes + size > self.max_bytes:
                raise OutOfDeviceMemoryError(
                    f"pictures on the GPU: {size} bytes asked for, {self._held_bytes} of {self.max_bytes} in use; "
                    "lower the number of cameras on this GPU, or raise its share of memory"
                )
            memory = self._allocated(size)
            self._held_bytes += size
            return Lease(memory, self._returned)

    def close(self) -> None:
        """Free what is idle; what is still leased is freed by the next `close`."""
        with self._lock:
            self._collect()
            self._free_idle()

    def _allocated(self, size: int) -> DeviceMemory:
        try:
            return self._driver.allocate_device(size)
        except OutOfDeviceMemoryError:
            # Others hold what the bound would allow: what lies idle here, of other sizes, may make room.
            if not self._idle:
                raise
            self._free_idle()
            return self._driver.allocate_device(size)

    def _collect(self) -> None:
        while self._returned:
            memory = self._returned.popleft()
            self._idle.setdefault(memory.size_bytes, []).append(memory)

    def _free_idle(self) -> None:
        for sizes in self._idle.values():
            for memory in sizes:
                self._driver.free_device(memory)
                self._held_bytes -= memory.size_bytes
        self._idle.clear()

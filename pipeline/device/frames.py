"""Frames on the GPU: each crosses the bus once, when it is first asked for, and is known again afterwards."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict, deque
from dataclasses import dataclass

import numpy as np

from engines.backends.cuda.bus import Bus
from engines.backends.cuda.driver import Driver, OutOfDeviceMemoryError
from engines.backends.cuda.kernels.launch import Kernels
from engines.backends.cuda.pool import DevicePool, Lease
from engines.backends.cuda.surface import Surface
from pipeline.arrays import U8, check_array
from pipeline.device.lane import Lane
from pipeline.device.pixels import DeviceFramePixels
from pipeline.pixels import Pixels


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A frame of the host, and its copy."""

    host: weakref.ref[U8]
    """known by identity; when it dies, the copy is let go"""
    surface: Surface


class DeviceFrames:
    """The frames that are on one GPU, for all stages that work on it.

    A frame is known by the identity of its host array, which `Pixels.to_host` gives again and again: the copy is let
    go when nobody holds the frame any more, or `forget` is called, or the pool has no room and it is the oldest.
    A surface that somebody holds keeps its memory in any case. On any thread.
    """

    def __init__(self, driver: Driver, kernels: Kernels, pool: DevicePool, bus: Bus) -> None:
        self._driver = driver
        self._kernels = kernels
        self._pool = pool
        self._bus = bus
        self._lock = threading.Lock()
        self._known: OrderedDict[int, Uploaded] = OrderedDict()
        # Filled by the collector on any thread, which must not wait for a lock that the same thread may hold.
        self._gone: deque[tuple[int, weakref.ref[U8]]] = deque()
        self._fetching = threading.Lock()
        self._lane = Lane(driver)

    def __len__(self) -> int:
        """Copies that are kept now."""
        with self._lock:
            self._drop_gone()
            return len(self._known)

    def surface(self, pixels: Pixels) -> Surface:
        """The frame (H, W, 3) on the device; uploaded where it is not there yet, and ready. Raises BackendError."""
        if isinstance(pixels, DeviceFramePixels):
            return pixels.surface
        host = pixels.to_host()
        check_array("pixels", host, np.uint8, ("H", "W", 3))
        with self._driver.current(), self._lock:
            self._drop_gone()
            known = self._known.get(id(host))
            if known is not None and known.host() is host:
                return known.surface
            surface = self._upload(host)
            at = id(host)
            self._known[at] = Uploaded(weakref.ref(host, lambda ref: self._gone.append((at, ref))), surface)
            return surface

    def forget(self, pixels: Pixels) -> None:
        """Nobody will ask for this frame on the device again; where somebody does, it is uploaded again."""
        if isinstance(pixels, DeviceFramePixels):
            return
        with self._lock:
            self._known.pop(id(pixels.to_host()), None)

    def fetch(self, surface: Surface) -> U8:
        """A picture on the device as upright RGB (H, W, 3). Raises BackendError."""
        shape = (surface.height, surface.width, 3)
        with self._driver.current(), self._fetching:
            with self._lock:
                target = self._take(surface.height * surface.width * 3)
            rows = self._lane.tables.put([surface.row()], self._lane.stream)
            self._kernels.rgb(rows, surface, target.pointer, self._lane.stream)
            self._lane.synchronise()
            return self._bus.down(target.pointer, shape)

    def close(self) -> None:
        """Let go of all copies; a second call does nothing."""
        with self._driver.current(), self._lock, self._fetching:
            self._known.clear()
            self._lane.close()

    def _upload(self, host: U8) -> Surface:
        height, width = host.shape[:2]
        lease = self._take(host.nbytes)
        self._bus.up(host, lease.pointer)
        return Surface(lease.pointer, width, height, width * 3, owner=lease)

    def _take(self, size_bytes: int) -> Lease:
        """Memory for a picture; where there is none, the oldest copies make room."""
        while True:
            try:
                return self._pool.take(size_bytes)
            except OutOfDeviceMemoryError:
                if not self._known:
                    raise
                self._known.popitem(last=False)

    def _drop_gone(self) -> None:
        while self._gone:
            at, ref = self._gone.popleft()
            known = self._known.get(at)
            # Another frame may have the address by now.
            if known is not None and known.host is ref:
                del self._known[at]

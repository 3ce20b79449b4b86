"""`Pixels` that are on a GPU: a decoded frame, and crops of faces."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

import numpy as np

from engines.backends.cuda.bus import Bus
from engines.backends.cuda.device_array import DeviceArray
from engines.backends.cuda.driver import Driver
from engines.backends.cuda.surface import Surface
from pipeline.arrays import I64, U8, check_array

Fetch = Callable[[Surface], U8]
"""a picture on the device -> upright RGB (H, W, 3) on the host"""


class OnDevice(Protocol):
    """Frames that have a picture on the device."""

    @property
    def surface(self) -> Surface:
        """Where it is; the memory stays while the surface is held."""
        ...


class DeviceFramePixels:
    """A frame that was decoded on the GPU. On any thread; two that ask at the same moment both fetch."""

    def __init__(self, surface: Surface, fetch: Fetch) -> None:
        self._surface = surface
        self._fetch = fetch
        self._host: U8 | None = None

    @property
    def surface(self) -> Surface:
        """Where the frame is."""
        return self._surface

    @property
    def shape(self) -> tuple[int, ...]:
        return self._surface.height, self._surface.width, 3

    def to_host(self) -> U8:
        """RGB (H, W, 3), fetched when first asked for. Raises BackendError."""
        if self._host is None:
            pixels = self._fetch(self._surface)
            check_array("pixels", pixels, np.uint8, self.shape)
            self._host = pixels
        return self._host


class CropBatch:
    """Crops that were cut together, uint8 (N, S, S, 3) on the device; a copy comes to the host when asked for."""

    def __init__(self, array: DeviceArray, driver: Driver, bus: Bus) -> None:
        self.array = array
        self._driver = driver
        self._bus = bus
        self._lock = threading.Lock()
        self._host: U8 | None = None

    def to_host(self) -> U8:
        """All of them (N, S, S, 3). Raises BackendError."""
        with self._lock:
            if self._host is None:
                with self._driver.current():
                    self._host = self._bus.down(self.array.pointer, self.array.shape)
            return self._host


class DeviceCrops:
    """Some crops of a batch (M, S, S, 3), in the order of `rows`; cheap to make, for the pixels stay where they are."""

    def __init__(self, batch: CropBatch, rows: I64) -> None:
        """`rows` (M,) of the batch's crops."""
        check_array("rows", rows, np.int64, ("M",))
        self.batch = batch
        self.rows = rows

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.rows), *self.batch.array.shape[1:]

    def take(self, rows: I64) -> DeviceCrops:
        """These of them."""
        return DeviceCrops(self.batch, self.rows[rows])

    def to_host(self) -> U8:
        """RGB (M, S, S, 3). Raises BackendError."""
        return self.batch.to_host()[self.rows]

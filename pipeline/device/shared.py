"""What all stages that work on one GPU share: driver, memory, bus, kernels, and the frames that are there."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from engines.backends.cuda.bus import Bus
from engines.backends.cuda.driver import Driver
from engines.backends.cuda.kernels.launch import Kernels
from engines.backends.cuda.pool import DevicePool
from pipeline.device.frames import DeviceFrames


class SharedGpu:
    """One GPU's pixels. Opened before the stages that use it, closed after them."""

    def __init__(self, driver: Driver, kernels: Kernels, max_bytes: int) -> None:
        """
        Args:
            driver: of the GPU; not open yet, and this object's alone to open and close.
            kernels: on the same driver, not open yet.
            max_bytes: of device memory for frames and crops; networks have their own.
        """
        self.driver = driver
        self.kernels = kernels
        self.pool = DevicePool(driver, max_bytes)
        self.bus = Bus(driver)
        self.frames = DeviceFrames(driver, kernels, self.pool, self.bus)

    def open(self) -> None:
        """Take hold of the GPU and compile the kernels, in a second. Raises BuildError, BackendError."""
        with ExitStack() as on_failure:
            self.driver.open()
            on_failure.callback(self.driver.close)
            on_failure.callback(self.kernels.close)
            self.kernels.open()
            on_failure.pop_all()

    def close(self) -> None:
        """Give everything back."""
        self.frames.close()
        # The error of a stage that failed refers to itself through its traceback, and holds what it was working on.
        gc.collect()
        with self.driver.current():
            self.bus.close()
            self.pool.close()
        self.kernels.close()
        self.driver.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

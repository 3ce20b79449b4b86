"""What is asked of an engine beside `Engine`, where its inputs are on the GPU already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from engines.backends.base import Engine
from engines.backends.cuda.device_array import DeviceArray
from engines.backends.cuda.driver import Stream
from pipeline.arrays import F32


class DeviceEngine(Engine, Protocol):
    """An engine that also takes what is on its GPU."""

    def infer_device(self, inputs: Mapping[str, DeviceArray]) -> dict[str, F32]:
        """As `infer`, of inputs on the device, each waited for until it is `ready`. Raises BackendError."""
        ...


@runtime_checkable
class LeavesOutputs(Protocol):
    """An engine whose outputs can stay on the device."""

    @property
    def stream(self) -> Stream | None:
        """That it works on; None while it is not open."""
        ...

    def most_rows(self, item: tuple[int, ...]) -> int:
        """Rows of this shape that one run takes. Raises BackendError."""
        ...

    def run_device(self, inputs: Mapping[str, DeviceArray]) -> dict[str, DeviceArray]:
        """As `infer_device`, only begun: outputs are there when the stream is, until the next run."""
        ...

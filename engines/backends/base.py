"""What every backend promises: open, infer, close, and the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

from engines.arrays import F32, Batch

Element = Literal["float32", "uint8"]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """Name, shape and element type of an input or output.

    Networks take images as they are, uint8 (n, h, w, 3) RGB: what standardises them is inside
    (engines/build/pixels.py). Outputs are float32.
    """

    name: str
    shape: tuple[int | str, ...]
    """a string is a dimension that may differ from call to call; ("n", 160, 160, 3)"""
    element: Element = "float32"


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What is running, and why: for the log, `doctor` and events."""

    backend: str
    """openvino, torch, fake, ..."""
    device: str
    """the processor's own name"""
    precision: str
    """fp32, bf16, fp16, int8"""
    reason: str
    """why this backend and precision, in a few words"""


class Engine(Protocol):
    """A network ready to run.

    A constructor does little, `open` may take seconds, `infer` may be called from one thread at a time, and
    nothing is called after `close`. Rows of a batch do not influence each other.
    """

    info: EngineInfo
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def open(self) -> None:
        """Load the network. Raises BackendError."""
        ...

    def infer(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        """Run a batch; every input by name, every output by name, freshly owned. Raises BackendError."""
        ...

    def close(self) -> None:
        """Release the network; never raises."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

"""An array in a GPU's memory, handed from one part of the program to another."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from engines.backends.base import Element
from engines.backends.cuda.driver import Event


@dataclass(frozen=True, slots=True, eq=False)
class DeviceArray:
    """A dense array, row after row, in the memory of a GPU."""

    pointer: int
    shape: tuple[int, ...]
    element: Element
    owner: Any
    """what keeps the memory: it is not reused while anybody holds the array"""
    ready: Event | None = None
    """reached when the array is written; None: it is, or the reader works on the stream that writes it"""

    def __post_init__(self) -> None:
        if self.pointer <= 0 or not self.shape or min(self.shape) <= 0:
            raise ValueError(f"a device array needs an address and rows, got {self.pointer:#x} {self.shape}")

    @property
    def size_bytes(self) -> int:
        return prod(self.shape) * np.dtype(self.element).itemsize

    @property
    def row_bytes(self) -> int:
        """Of one item of the first axis."""
        return self.size_bytes // self.shape[0]

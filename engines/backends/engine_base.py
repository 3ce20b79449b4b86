"""What all engines do alike: refuse to run when closed, and check a batch before they run it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import numpy as np

from engines.arrays import F32, Batch
from engines.backends.base import EngineInfo, TensorSpec
from engines.errors import BackendError


class EngineBase(ABC):
    """An engine that differs from others in three methods."""

    def __init__(
        self, name: str, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], info: EngineInfo
    ) -> None:
        """`name` is what errors call the network."""
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self.info = info
        self._is_open = False

    @abstractmethod
    def _load(self) -> None:
        """Load the network. Raises BackendError."""

    @abstractmethod
    def _run(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        """Run a checked batch; outputs are freshly owned. Raises BackendError."""

    @abstractmethod
    def _unload(self) -> None:
        """Drop the network; never raises, also when it was never loaded."""

    def open(self) -> None:
        """Load the network. Raises BackendError."""
        self._load()
        self._is_open = True

    def infer(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        """Run a batch. Raises BackendError where the engine is not open or the batch does not fit."""
        if not self._is_open:
            raise BackendError(f"{self.name} is not open: call open() first, and nothing after close()")
        if inputs.keys() != {spec.name for spec in self.inputs}:
            wanted = ", ".join(spec.name for spec in self.inputs)
            raise BackendError(f"{self.name} takes the inputs {wanted}, got {', '.join(sorted(inputs))}")
        return self._run({spec.name: self._fitting(spec, inputs[spec.name]) for spec in self.inputs})

    def close(self) -> None:
        """Drop the network; a second call does nothing."""
        self._is_open = False
        self._unload()

    def _fitting(self, spec: TensorSpec, value: Batch) -> Batch:
        fits = len(value.shape) == len(spec.shape) and all(
            have > 0 and (isinstance(want, str) or have == want)
            for have, want in zip(value.shape, spec.shape, strict=True)
        )
        if not fits or value.dtype != np.dtype(spec.element):
            wanted = ", ".join(map(str, spec.shape))
            raise BackendError(
                f"{self.name}: {spec.name} must be {spec.element} ({wanted}) and not empty, "
                f"got {value.dtype} {value.shape}"
            )
        return value if value.flags.c_contiguous else value.copy()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

"""A linear layer as two arrays: what heads begin as and become."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, F64


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """y = W x + b."""

    weight: F32
    """(D, F)"""
    bias: F32
    """(D,)"""

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or self.bias.shape != self.weight.shape[:1]:
            raise ValueError(
                f"weight must be (D, F) and bias (D,), got {self.weight.shape} and {self.bias.shape}"
            )

    def outputs(self, inputs: F32) -> F32:
        """(N, D) for (N, F), of any length."""
        return np.asarray(inputs @ self.weight.T + self.bias, np.float32)

    def vectors(self, inputs: F32) -> F32:
        """(N, D) for (N, F), of unit length."""
        found = self.outputs(inputs)
        return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def folded(weight: F64, mean: F64, deviation: F64, offset: F64) -> Layer:
    """A layer without bias (D, F) and the batch norm behind it, (D,) each, as one."""
    return Layer(
        np.asarray(weight / deviation[:, None], np.float32),
        np.asarray(offset - mean / deviation, np.float32),
    )

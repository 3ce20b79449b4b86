"""Array types and the one check every value makes of its arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Bools = NDArray[np.bool_]

Shape = tuple[int | str, ...]


def check_array(name: str, value: NDArray[Any], dtype: type[np.generic], shape: Shape) -> None:
    """Raise ValueError unless `value` has this dtype and shape; a string in `shape` stands for any length.

    >>> check_array("boxes", np.zeros((3, 5)), np.float32, ("N", 4))
    Traceback (most recent call last):
    ValueError: boxes must be float32 (N, 4), got float64 (3, 5)
    """
    fits = value.ndim == len(shape) and all(
        isinstance(want, str) or have == want for have, want in zip(value.shape, shape, strict=True)
    )
    if not fits or value.dtype != dtype:
        wanted = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{name} must be {np.dtype(dtype)} ({wanted}), got {value.dtype} {value.shape}")


def check_rows(count: int, **arrays: NDArray[Any]) -> None:
    """Raise ValueError unless every array has `count` rows: row i is the same face in each."""
    for name, value in arrays.items():
        if len(value) != count:
            raise ValueError(f"{name} must have {count} rows, one a face, got {len(value)}")

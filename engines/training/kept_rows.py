"""Numbers that are computed of each face once and kept on disk: what a frozen trunk, or an older model, makes of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engines.arrays import F32

ROWS_AT_ONCE = 64


def whole_rows(path: Path, count: int, shape: tuple[int, ...]) -> F32 | None:
    """Rows (count, *shape), float32, mapped from their file; None where it is not there, or not whole."""
    if not path.is_file() or path.stat().st_size != 4 * count * int(np.prod(shape)):
        return None
    return np.memmap(path, np.float32, "r", shape=(count, *shape))


def kept_rows(
    path: Path,
    count: int,
    shape: tuple[int, ...],
    compute: Callable[[slice], F32],
    on_done: Callable[[int], None] = lambda _: None,
) -> F32:
    """Rows (count, *shape), float32, mapped from a file that is made or gone on with first.

    Args:
        compute: the rows of a slice; it is asked for those that are not there, in order.
        on_done: how many rows are there; it may raise, and what is there is kept.

    Raises OSError where the file cannot be written, and what `compute` raises.
    """
    row_bytes = 4 * int(np.prod(shape))
    with path.open("ab") as file:
        done = min(path.stat().st_size // row_bytes, count)
        file.truncate(done * row_bytes)
        on_done(done)
        while done < count:
            part = slice(done, min(done + ROWS_AT_ONCE, count))
            rows = compute(part)
            if rows.shape != (part.stop - part.start, *shape) or rows.dtype != np.float32:
                raise ValueError(f"rows must be float32 of {shape} each, got {rows.dtype} {rows.shape}")
            file.write(rows.tobytes())
            file.flush()
            done = part.stop
            on_done(done)
        os.fsync(file.fileno())
    return np.memmap(path, np.float32, "r", shape=(count, *shape))

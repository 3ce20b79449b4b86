"""The templates of an index as rows of arrays: one thread writes, another may read the rows that count."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32, I64, Bools

_FIRST_CAPACITY = 64


class TemplateRows:
    """Labels, owners and vectors, row by row without gaps.

    Rows behind `count` may be written while others read; `count` and rows before it change only while nobody does.
    """

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self.labels: I64 = np.empty(_FIRST_CAPACITY, np.int64)
        self.owners: I64 = np.empty(_FIRST_CAPACITY, np.int64)
        self.vectors: F32 = np.empty((_FIRST_CAPACITY, dimension), np.float32)
        self.row_of: dict[int, int] = {}
        """by label; a row that is not below `count` does not count yet"""

    def write(self, labels: I64, owners: I64, vectors: F32) -> int:
        """Put templates behind those that count; the count that would take them in."""
        start, stop = self.count, self.count + len(labels)
        if stop > len(self.labels):
            capacity = max(stop, 2 * len(self.labels))
            self.labels = _longer(self.labels, start, capacity)
            self.owners = _longer(self.owners, start, capacity)
            self.vectors = _longer(self.vectors, start, capacity)
        rows = slice(start, stop)
        self.labels[rows], self.owners[rows], self.vectors[rows] = labels, owners, vectors
        self.row_of.update(zip(labels.tolist(), range(start, stop), strict=True))
        return stop

    def remove(self, label: int) -> int:
        """Take a template out; the last row moves to where it was. The place it had."""
        row, last = self.row_of.pop(label), self.count - 1
        if row != last:
            self.labels[row], self.owners[row] = self.labels[last], self.owners[last]
            self.vectors[row] = self.vectors[last]
            self.row_of[int(self.labels[row])] = row
        self.vectors[last] = 0.0  # a forgotten face must not stay in memory
        self.count = last
        return row

    def row(self, label: int) -> int | None:
        """Where a template is, if it counts."""
        row = self.row_of.get(label)
        return row if row is not None and row < self.count else None

    def only(self, labels: I64) -> Bools:
        """(count,) whether a row's label is one of these (L,); those that are not there are passed over."""
        rows = np.fromiter((self.row_of.get(label, -1) for label in labels.tolist()), np.int64, len(labels))
        named = np.zeros(self.count, np.bool_)
        named[rows[(rows >= 0) & (rows < self.count)]] = True
        return named


def _longer(array: NDArray[Any], kept: int, capacity: int) -> NDArray[Any]:
    longer = np.empty((capacity, *array.shape[1:]), array.dtype)
    longer[:kept] = array[:kept]
    return longer

"""Exact search: every probe against every template, by matrix products over blocks of the gallery."""

from __future__ import annotations

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.gallery.index import Neighbours
from pipeline.gallery.vectors import check_unit, squared_l2

BLOCK_ROWS = 65_536
"""templates in one matrix product: bounds the scratch memory to 256 KiB a probe"""

PRODUCT_ERROR = 1e-5
"""2 - 2ab by a float32 matrix product errs by less than this; measured below 2e-6 at 512-D"""

_FIRST_CAPACITY = 64


class ExactIndex:
    """The plain truth, O(templates) a probe. Implements `pipeline.gallery.index.Index`."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._count = 0
        self._labels = np.empty(_FIRST_CAPACITY, np.int64)
        self._vectors = np.empty((_FIRST_CAPACITY, dimension), np.float32)
        self._row_of: dict[int, int] = {}

    def __len__(self) -> int:
        return self._count

    def add(self, labels: I64, vectors: F32) -> None:
        """Append the templates; the arrays double when full, so that adding costs constant time a template."""
        check_new(labels, vectors, self.dimension, self._row_of)
        self._grow(self._count + len(labels))
        rows = slice(self._count, self._count + len(labels))
        self._labels[rows] = labels
        self._vectors[rows] = vectors
        self._row_of.update(zip(labels.tolist(), range(rows.start, rows.stop), strict=True))
        self._count = rows.stop

    def remove(self, labels: I64) -> None:
        """Remove the templates; the last row moves into each gap."""
        check_known(labels, self._row_of)
        for label in labels.tolist():
            row, last = self._row_of.pop(label), self._count - 1
            if row != last:
                self._labels[row] = self._labels[last]
                self._vectors[row] = self._vectors[last]
                self._row_of[int(self._labels[row])] = row
            self._vectors[last] = 0.0  # a forgotten face must not stay in memory
            self._count = last

    def search(self, probes: F32, count: int) -> Neighbours:
        """The nearest templates; equal distances come in order of label."""
        check_unit("probes", probes, self.dimension)
        found = empty_neighbours(len(probes), count)
        if not self._count or not len(probes):
            return found
        near: list[list[I64]] = [[] for _ in probes]
        for start in range(0, self._count, BLOCK_ROWS):
            block = self._vectors[start : min(start + BLOCK_ROWS, self._count)]
            for row, distances in enumerate(2.0 - 2.0 * (probes @ block.T)):
                near[row].append(start + _nearest_rows(distances, count))
        for row, rows in enumerate(map(np.concatenate, near)):
            fill(found, row, self._labels[rows], squared_l2(probes[row], self._vectors[rows]))
        return found

    def templates(self) -> tuple[I64, F32]:
        """Labels (N,) and vectors (N, D) of all templates, copied, in order of label."""
        order = np.argsort(self._labels[: self._count])
        return self._labels[order], self._vectors[order]

    def _grow(self, needed: int) -> None:
        if needed > len(self._labels):
            capacity = max(needed, 2 * len(self._labels))
            labels, vectors = self._labels, self._vectors
            self._labels = np.empty(capacity, np.int64)
            self._vectors = np.empty((capacity, self.dimension), np.float32)
            self._labels[: self._count] = labels[: self._count]
            self._vectors[: self._count] = vectors[: self._count]


def _nearest_rows(distances: F32, count: int) -> I64:
    """Rows that may be among the `count` nearest: within the product's error of the border, all of them."""
    kept = min(count, len(distances))
    border = np.partition(distances, kept - 1)[kept - 1]
    return np.flatnonzero(distances <= border + 2 * PRODUCT_ERROR)


def check_new(labels: I64, vectors: F32, dimension: int, known: dict[int, int]) -> None:
    """Raise ValueError unless these templates (N,), (N, D) may be added to an index that has `known`."""
    check_unit("vectors", vectors, dimension)
    listed = labels.tolist()
    if labels.dtype != np.int64 or labels.shape != (len(vectors),):
        raise ValueError(f"labels must be int64 ({len(vectors)},), got {labels.dtype} {labels.shape}")
    if len(set(listed)) != len(listed):
        raise ValueError("labels must differ from each other")
    if listed and min(listed) < 0:
        raise ValueError(f"labels must not be negative, got {min(listed)}: -1 stands for no template")
    for label in listed:
        if label in known:
            raise ValueError(f"label {label} is in the index already: remove it first")


def check_known(labels: I64, known: dict[int, int]) -> None:
    """Raise KeyError unless each of these labels (N,) is known, and named once."""
    seen: set[int] = set()
    for label in labels.tolist():
        if label not in known or label in seen:
            raise KeyError(f"label {label} is not in the index")
        seen.add(label)


def empty_neighbours(probes: int, count: int) -> Neighbours:
    """Answers with nothing found yet. Raises ValueError for a count below 1."""
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    return Neighbours(np.full((probes, count), -1, np.int64), np.full((probes, count), np.inf, np.float32))


def fill(found: Neighbours, row: int, labels: I64, distances: F32) -> None:
    """Write one probe's templates (N,), nearest first and by label on a tie, into its row of the answer."""
    order = np.lexsort((labels, distances))[: found.labels.shape[1]]
    found.labels[row, : len(order)] = labels[order]
    found.distances[row, : len(order)] = distances[order]

"""Which row a label's template stands in: two sorted arrays, 16 bytes a template where a dict takes a hundred."""

from __future__ import annotations

import numpy as np

from pipeline.arrays import F32, I64, Bools
from pipeline.gallery.vectors import check_unit

CHECKED = 65_536
"""vectors whose lengths are computed at once: bounds the scratch memory"""

_FIRST_CAPACITY = 64


class LabelRows:
    """Rows by label, sorted by label. New labels mostly ascend, as the database's do, and are then appended."""

    def __init__(self) -> None:
        self._count = 0
        self._gone = 0
        self._labels = np.empty(_FIRST_CAPACITY, np.int64)
        self._rows = np.empty(_FIRST_CAPACITY, np.int64)

    def __len__(self) -> int:
        return self._count - self._gone

    def find(self, labels: I64) -> I64:
        """The row (N,) of each of these labels (N,), -1 for those that are not there."""
        if not self._count:
            return np.full(len(labels), -1, np.int64)
        places = np.searchsorted(self._labels[: self._count], labels)
        places[places == self._count] = 0
        return np.where(self._labels[places] == labels, self._rows[places], -1)

    def add(self, labels: I64, rows: I64) -> None:
        """Note where the templates of new labels stand."""
        order = np.argsort(labels)
        labels, rows = labels[order], rows[order]
        if self._count and len(labels) and labels[0] <= self._labels[self._count - 1]:
            self._merge(labels, rows)
            return
        stop = self._count + len(labels)
        if stop > len(self._labels):
            more = np.empty(max(stop, 2 * len(self._labels)) - self._count, np.int64)
            self._labels = np.concatenate((self._labels[: self._count], more))
            self._rows = np.concatenate((self._rows[: self._count], more))
        self._labels[self._count : stop], self._rows[self._count : stop] = labels, rows
        self._count = stop

    def remove(self, labels: I64) -> None:
        """Forget labels that are there; their places go when they are most of all."""
        self._rows[np.searchsorted(self._labels[: self._count], labels)] = -1
        self._gone += len(labels)
        if 2 * self._gone > self._count:
            self._merge(labels[:0], labels[:0])

    def _merge(self, labels: I64, rows: I64) -> None:
        kept = self._rows[: self._count] >= 0
        every = np.concatenate((self._labels[: self._count][kept], labels))
        order = np.argsort(every, kind="stable")  # which merges two sorted runs in one pass
        self._rows = np.concatenate((self._rows[: self._count][kept], rows))[order]
        self._labels = every[order]
        self._count, self._gone = len(every), 0
        if not self._count:
            self._labels = self._rows = np.empty(_FIRST_CAPACITY, np.int64)
            self._rows = self._rows.copy()


def check_templates(labels: I64, vectors: F32, dimension: int) -> None:
    """Raise ValueError unless these templates (N,), (N, D) may stand in one index together."""
    for start in range(0, max(len(vectors), 1), CHECKED):
        check_unit("vectors", vectors[start : start + CHECKED], dimension)
    if labels.dtype != np.int64 or labels.shape != (len(vectors),):
        raise ValueError(f"labels must be int64 ({len(vectors)},), got {labels.dtype} {labels.shape}")
    if len(np.unique(labels)) != len(labels):
        raise ValueError("labels must differ from each other")
    if len(labels) and labels.min() < 0:
        raise ValueError(f"labels must not be negative, got {labels.min()}: -1 stands for no template")


def check_absent(labels: I64, rows: I64) -> None:
    """Raise ValueError where a label (N,) has a row (N,) already."""
    there: Bools = rows >= 0
    if there.any():
        raise ValueError(f"label {labels[there][0]} is in the index already: remove it first")


def check_present(labels: I64, rows: I64) -> None:
    """Raise KeyError where a label (N,) has no row (N,), or is named twice."""
    missing: Bools = rows < 0
    if missing.any():
        raise KeyError(f"label {labels[missing][0]} is not in the index")
    named, times = np.unique(labels, return_counts=True)
    if len(named) != len(labels):
        raise KeyError(f"label {named[times > 1][0]} is not in the index a second time")

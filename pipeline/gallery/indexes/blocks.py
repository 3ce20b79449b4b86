"""Templates in blocks of memory that never move: growing copies nothing, whatever the size of the gallery."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from pipeline.arrays import F32, I64, Bools
from pipeline.gallery.indexes.label_rows import LabelRows, check_absent, check_present, check_templates

FIRST_BLOCK = 1024
"""rows; each later block has as many as all before it, so that a million need ten (untouched ones cost nothing)"""

LABELS_FILE = "labels.npy"
VECTORS_FILE = "vectors.npy"


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows."""

    start: int
    """the first of them"""
    vectors: F32
    """(B, D); rows without a template are zeros, or were never written"""


class TemplateBlocks:
    """Labels and vectors of templates, each in a row of its own until it is removed; then the row is used again.

    A removed template's vector is overwritten at once: a forgotten face must not stay in memory.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.top = 0
        """rows ever used"""
        self.version = 0
        """counts the changes"""
        self.labels = np.full(FIRST_BLOCK, -1, np.int64)
        """by row; -1 where there is no template"""
        self._rows_of = LabelRows()
        self._free = np.empty(0, np.int64)
        self._blocks: list[Block] = []

    def __len__(self) -> int:
        return len(self._rows_of)

    def check_new(self, labels: I64, vectors: F32) -> None:
        """Raise ValueError unless these templates (N,), (N, D) may be put in."""
        check_templates(labels, vectors, self.dimension)
        check_absent(labels, self._rows_of.find(labels))

    def make_room(self, count: int) -> None:
        """Take memory for so many more templates at once, so that they stand in one block."""
        self._reach(self.top + max(count - len(self._free), 0))

    def put(self, labels: I64, vectors: F32) -> I64:
        """Put templates (N,), (N, D) that were checked into rows (N,): free ones first, then new ones."""
        self.version += 1
        used = min(len(self._free), len(labels))
        kept = len(self._free) - used
        freed, start = self._free[kept:], self.top
        rows = np.concatenate((freed, np.arange(start, start + len(labels) - used)))
        self._free = self._free[:kept]
        self._reach(start + len(labels) - used)
        self.top = start + len(labels) - used
        self._write(freed, vectors[:used])
        self._append(start, vectors[used:])
        self.labels[rows] = labels
        self._rows_of.add(labels, rows)
        return rows

    def remove(self, labels: I64) -> I64:
        """Overwrite templates (N,); the rows (N,) they had. Raises KeyError for one that is not there."""
        rows = self._rows_of.find(labels)
        check_present(labels, rows)
        self.version += 1
        self._rows_of.remove(labels)
        self.labels[rows] = -1
        self._write(rows, np.zeros((len(rows), self.dimension), np.float32))
        self._free = np.concatenate((self._free, rows))
        return rows

    def find(self, labels: I64) -> I64:
        """The rows of those of these labels (N,) that are there, in their order."""
        rows = self._rows_of.find(labels)
        return rows[rows >= 0]

    def of(self, labels: I64) -> F32:
        """The vectors (N, D) of these labels (N,). Raises KeyError for one that is not there."""
        rows = self._rows_of.find(labels)
        if (rows < 0).any():
            raise KeyError(f"label {labels[rows < 0][0]} is not in the index")
        return self.vectors(rows)

    def vectors(self, rows: I64) -> F32:
        """The vectors (N, D) in these rows (N,), copied."""
        if len(self._blocks) == 1:
            return self._blocks[0].vectors[rows]
        found = np.empty((len(rows), self.dimension), np.float32)
        for block in self._blocks:
            here = (rows >= block.start) & (rows < block.start + len(block.vectors))
            if here.any():
                found[here] = block.vectors[rows[here] - block.start]
        return found

    def living(self) -> I64:
        """The rows (N,) with a template, ascending."""
        return np.flatnonzero(self.labels[: self.top] >= 0)

    def parts(self, most: int) -> Iterator[Block]:
        """All rows in use, in views of at most `most` rows."""
        for block in self._blocks:
            stop = min(len(block.vectors), self.top - block.start)
            for start in range(0, stop, most):
                yield Block(block.start + start, block.vectors[start : min(start + most, stop)])

    def save(self, folder: Path) -> None:
        """Write labels and vectors as they stand. Raises OSError."""
        np.save(folder / LABELS_FILE, self.labels[: self.top])
        shape = (self.top, self.dimension)
        with (folder / VECTORS_FILE).open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for part in self.parts(max(self.top, 1)):
                part.vectors.tofile(file)

    @classmethod
    def load(cls, folder: Path, dimension: int) -> Self:
        """What `save` wrote. Raises ValueError for files that do not fit together, OSError."""
        labels = np.load(folder / LABELS_FILE, allow_pickle=False)
        vectors = np.load(folder / VECTORS_FILE, allow_pickle=False)
        fits = labels.dtype == np.int64 and vectors.dtype == np.float32 and labels.ndim == 1
        if not fits or vectors.shape != (len(labels), dimension):
            raise ValueError(
                f"{folder}: labels {labels.dtype} {labels.shape} and vectors {vectors.dtype} {vectors.shape} "
                f"do not fit together or not to {dimension} dimensions"
            )
        rows = np.flatnonzero(labels >= 0)
        if len(np.unique(labels[rows])) != len(rows):
            raise ValueError(f"{folder / LABELS_FILE}: a label is there twice")
        blocks = cls(dimension)
        blocks.top = len(labels)
        blocks.labels = labels
        blocks._free = np.flatnonzero(labels < 0)
        blocks._rows_of.add(labels[rows], rows)
        if len(labels):
            blocks._blocks.append(Block(0, vectors))
        return blocks

    def _reach(self, top: int) -> None:
        """Have room for this many rows."""
        room = sum(len(block.vectors) for block in self._blocks)
        if top > room:
            size = max(top - room, room, FIRST_BLOCK)
            self._blocks.append(Block(room, np.empty((size, self.dimension), np.float32)))
        if top > len(self.labels):
            more = np.full(max(top, 2 * len(self.labels)) - len(self.labels), -1, np.int64)
            self.labels = np.concatenate((self.labels, more))

    def _write(self, rows: I64, vectors: F32) -> None:
        for block in self._blocks:
            here: Bools = (rows >= block.start) & (rows < block.start + len(block.vectors))
            if here.any():
                block.vectors[rows[here] - block.start] = vectors[here]

    def _append(self, start: int, vectors: F32) -> None:
        """Write consecutive rows, which needs no scratch memory."""
        for block in self._blocks:
            first, last = max(start, block.start), min(start + len(vectors), block.start + len(block.vectors))
            if first < last:
                block.vectors[first - block.start : last - block.start] = vectors[
                    first - start : last - start
                ]


def read_about(file: Path, kind: str) -> dict[str, object]:
    """The small JSON beside an index's arrays. Raises ValueError where it is not of an index of this kind, OSError."""
    about = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(about, dict) or about.get("index") != kind:
        raise ValueError(f"{file}: is not of an index of kind {kind}")
    return about

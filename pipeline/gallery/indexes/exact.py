"""Exact search: every probe against every template, by matrix products over blocks of the gallery."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Self

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.gallery.indexes.blocks import TemplateBlocks, read_about
from pipeline.gallery.indexes.index import Neighbours
from pipeline.gallery.indexes.label_rows import check_templates
from pipeline.gallery.vectors import check_unit, squared_l2

BLOCK_ROWS = 16_384
"""templates in one matrix product: bounds the scratch memory to 64 KiB a probe"""

PRODUCT_ERROR = 1e-5
"""2 - 2ab by a float32 matrix product errs by less than this; measured below 2e-6 at 512-D"""

GATHERED = 0.25
"""share of all templates up to which those that may be found are copied together before the product: copying one
takes about as long as comparing three that stand in order"""

PUT_AT_ONCE = 4096
"""templates added while a search waits: 8 MiB of 512-D vectors, about 2 ms"""

ABOUT_FILE = "exact.json"


class ExactIndex:
    """The plain truth, O(templates) a probe. Implements `pipeline.gallery.indexes.index.Index`.

    A search holds the lock to its end: it sees one state of the gallery, and the writer is the one who waits.
    """

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._blocks = TemplateBlocks(dimension)
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._blocks)

    def add(self, labels: I64, vectors: F32) -> None:
        """Put the templates in, some thousand at a time."""
        self._blocks.check_new(labels, vectors)
        with self._lock:
            self._blocks.make_room(len(labels))
        for start in range(0, len(labels), PUT_AT_ONCE):
            with self._lock:
                self._blocks.put(labels[start : start + PUT_AT_ONCE], vectors[start : start + PUT_AT_ONCE])

    def remove(self, labels: I64) -> None:
        """Remove and overwrite the templates."""
        with self._lock:
            self._blocks.remove(labels)

    def search(
        self, probes: F32, count: int, *, among: I64 | None = None, near: I64 | None = None
    ) -> Neighbours:
        """The nearest templates; equal distances come in order of label."""
        check_unit("probes", probes, self.dimension)
        found = empty_neighbours(len(probes), count)
        with self._lock:
            search_blocks(self._blocks, probes, found, None if among is None else self._blocks.find(among))
        return found

    def vectors(self, labels: I64) -> F32:
        """The vectors (N, D) of these templates (N,). Raises KeyError for a label that is not there."""
        with self._lock:
            return self._blocks.of(labels)

    def settle(self) -> None:
        """Nothing goes on behind searches."""

    def save(self, folder: Path) -> None:
        """Write labels, vectors and what they are. Raises OSError."""
        self._blocks.save(folder)
        about = {"index": "exact", "dimension": self.dimension}
        (folder / ABOUT_FILE).write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The index that `save` wrote. Raises ValueError for files that do not fit together, OSError."""
        about = read_about(folder / ABOUT_FILE, "exact")
        index = cls(whole_number(about, "dimension"))
        index._blocks = TemplateBlocks.load(folder, index.dimension)
        return index


@dataclass(frozen=True, slots=True)
class Compared:
    """Templates that are compared in one matrix product."""

    rows: I64
    """(B,)"""
    vectors: F32
    """(B, D)"""
    hidden: I64
    """places (H,) of those that may not be found"""


def search_blocks(blocks: TemplateBlocks, probes: F32, found: Neighbours, among: I64 | None = None) -> None:
    """Write the nearest templates of each probe (Q, D) into `found`; of these rows (R,) only, if any are named."""
    if not len(blocks) or not len(probes):
        return
    near: list[list[I64]] = [[np.empty(0, np.int64)] for _ in probes]
    for part in _parts(blocks, among):
        products = probes @ part.vectors.T
        products[:, part.hidden] = -np.inf
        count = min(found.labels.shape[1], len(part.rows) - len(part.hidden))
        for row, of_probe in enumerate(products):
            near[row].append(part.rows[_nearest_rows(of_probe, count)])
    for row, rows in enumerate(map(np.concatenate, near)):
        fill(found, row, blocks.labels[rows], squared_l2(probes[row], blocks.vectors(rows)))


def _parts(blocks: TemplateBlocks, among: I64 | None) -> Iterator[Compared]:
    """All templates that may be found: copied together where they are few, else among those that may not."""
    if among is not None and len(among) <= GATHERED * blocks.top:
        rows = np.sort(among)
        for start in range(0, len(rows), BLOCK_ROWS):
            some = rows[start : start + BLOCK_ROWS]
            yield Compared(some, blocks.vectors(some), rows[:0])
        return
    allowed = blocks.labels[: blocks.top] >= 0
    if among is not None:
        allowed[:] = False
        allowed[among] = True
    for part in blocks.parts(BLOCK_ROWS):
        rows = np.arange(part.start, part.start + len(part.vectors))
        hidden = np.flatnonzero(~allowed[rows[0] : rows[-1] + 1])
        if len(hidden) < len(rows):
            yield Compared(rows, part.vectors, hidden)


def _nearest_rows(products: F32, count: int) -> I64:
    """Rows that may be among the `count` nearest: within the product's error of the border, all of them."""
    last = len(products) - count
    border = np.partition(products, last)[last]
    # twice the error, halved: distances are 2 - 2 products
    return np.flatnonzero(products >= border - PRODUCT_ERROR)


def check_new(labels: I64, vectors: F32, dimension: int, known: dict[int, int]) -> None:
    """Raise ValueError unless these templates (N,), (N, D) may be added to an index that has `known`."""
    check_templates(labels, vectors, dimension)
    for label in labels.tolist():
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


def whole_number(about: dict[str, object], name: str) -> int:
    """A whole number of an index's JSON. Raises ValueError where there is none."""
    value = about.get(name)
    if not isinstance(value, int):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    return value

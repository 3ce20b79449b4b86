"""Approximate search by walks along graphs of projected vectors; the full vectors decide among what they find.

New templates are compared one by one until a thread has linked them, and a search waits for one of them to be
linked at most. How fast, how good and how large all of it is: docs/gallery.md, "Indexes".
"""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from pipeline.arrays import F32, I64, Bools
from pipeline.gallery.indexes.blocks import TemplateBlocks, read_about
from pipeline.gallery.indexes.exact import PUT_AT_ONCE, empty_neighbours, fill, search_blocks, whole_number
from pipeline.gallery.indexes.in_order import Turns
from pipeline.gallery.indexes.index import Neighbours
from pipeline.gallery.indexes.linking import FIRST_ROOM, GraphSet
from pipeline.gallery.vectors import check_unit, squared_l2

EXACT_UP_TO = 4096
"""below this many templates a matrix product is exact and takes no longer than a walk"""

RERANKED = 24
"""candidates whose full vectors are compared; 40 found no more"""

RELINKED_FROM = 0.1
"""share of the templates from which a removal links all others anew: a tenth of the time a template that putting
one away takes"""

SELECTIONS = 16
"""sets of labels whose rows are remembered: cameras take turns, each with its own watchlists"""

COMPARED_PER_STEP = 20
"""named templates that are copied and compared in the time that a walk takes for one candidate more (2 µs)"""

ABOUT_FILE = "hnsw.json"


@dataclass(frozen=True, slots=True)
class Selection:
    """The templates that may be found, as rows."""

    labels: I64
    """(L,) as they were given"""
    version: int
    """of the templates, when the rows were looked up"""
    rows: I64
    """(R,)"""
    allowed: Bools
    """(top,) by row"""


class HnswIndex:
    """Graphs over many templates, exact search while they are few. Implements `indexes.index.Index`."""

    def __init__(
        self,
        dimension: int,
        exact_up_to: int = EXACT_UP_TO,
        *,
        width: int | None = None,
        room: int = FIRST_ROOM,
    ) -> None:
        """An empty index.

        Args:
            dimension: D, the length of a vector.
            exact_up_to: templates that are searched exactly.
            width: candidates kept on a walk (ef), instead of as many as the gallery's size asks for.
            room: templates that a graph has room for beyond those it is made for.
        """
        self.dimension = dimension
        self.width = width
        self._exact_up_to = exact_up_to
        self._turns = Turns()
        self._blocks = TemplateBlocks(dimension)
        self._graphs = GraphSet(self._turns, room)
        self._selections: deque[Selection] = deque(maxlen=SELECTIONS)

    def __len__(self) -> int:
        return len(self._blocks)

    @property
    def exact(self) -> bool:
        """Whether searches of all templates compare every one of them."""
        return len(self) <= self._exact_up_to

    def add(self, labels: I64, vectors: F32) -> None:
        """Put the templates in, some thousand at a time; they are linked afterwards, in this order."""
        self._blocks.check_new(labels, vectors)
        with self._turns():
            self._blocks.make_room(len(labels))
        parts = [np.empty(0, np.int64)]
        for start in range(0, len(labels), PUT_AT_ONCE):
            with self._turns():
                part = slice(start, start + PUT_AT_ONCE)
                parts.append(self._blocks.put(labels[part], vectors[part]))
        rows = np.concatenate(parts)
        if len(rows) and (self._graphs or len(self) > self._exact_up_to):
            self._graphs.plan(self._blocks, rows)

    def remove(self, labels: I64) -> None:
        """Remove and overwrite the templates; the graphs forget them behind the searches."""
        with self._turns():
            rows = self._blocks.remove(labels)
        if len(rows):
            self._graphs.plan_removal(self._blocks, rows, RELINKED_FROM)

    def search(
        self, probes: F32, count: int, *, among: I64 | None = None, near: I64 | None = None
    ) -> Neighbours:
        """The nearest templates; exact up to `exact_up_to`, then nearly always the same as exact."""
        check_unit("probes", probes, self.dimension)
        found = empty_neighbours(len(probes), count)
        for row in range(len(probes)):
            one = Neighbours(found.labels[row : row + 1], found.distances[row : row + 1])
            with self._turns():
                self._search(probes[row : row + 1], one, None if among is None else self._select(among))
        return found

    def vectors(self, labels: I64) -> F32:
        """The vectors (N, D) of these templates (N,). Raises KeyError for a label that is not there."""
        with self._turns():
            return self._blocks.of(labels)

    def settle(self) -> None:
        """Wait until all templates are linked and all removed ones put away."""
        self._graphs.settle()

    def save(self, folder: Path) -> None:
        """Write templates and settled graphs. hnswlib stops the whole program while it writes: docs/gallery.md."""
        self.settle()
        self._blocks.save(folder)
        about = {
            "index": "hnsw",
            "dimension": self.dimension,
            "exact_up_to": self._exact_up_to,
            "rooms": self._graphs.save(folder),
        }
        (folder / ABOUT_FILE).write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The index that `save` wrote. Raises ValueError for files that do not fit together, OSError."""
        about = read_about(folder / ABOUT_FILE, "hnsw")
        index = cls(whole_number(about, "dimension"), whole_number(about, "exact_up_to"))
        index._blocks = TemplateBlocks.load(folder, index.dimension)
        index._graphs.load(folder, _rooms(about), index._blocks)
        return index

    def _search(self, probe: F32, found: Neighbours, selection: Selection | None) -> None:
        """The nearest templates of one probe (1, D)."""
        there = len(self) if selection is None else len(selection.rows)
        count = found.labels.shape[1]
        asked = max(RERANKED, 2 * count) * len(self) // max(there, 1)
        at_once = self._exact_up_to
        if selection is not None:
            at_once = max(at_once, COMPARED_PER_STEP * asked)
        rows = None if there <= at_once else self._walk(probe[0], asked, selection)
        if rows is None or len(rows) < min(count, there):
            search_blocks(self._blocks, probe, found, None if selection is None else selection.rows)
            return
        fill(found, 0, self._blocks.labels[rows], squared_l2(probe[0], self._blocks.vectors(rows)))

    def _walk(self, probe: F32, asked: int, selection: Selection | None) -> I64 | None:
        """Rows of templates that may be found, or None where a walk is of no use."""
        if not self._graphs or 2 * asked > len(self):
            return None
        rows = self._graphs.candidates(probe, asked, max(asked, self.width or walk_width(len(self))))
        if rows is None:
            return None
        rows = rows[self._blocks.labels[rows] >= 0]
        return rows if selection is None else rows[selection.allowed[rows]]

    def _select(self, among: I64) -> Selection:
        """The rows of these labels, looked up once for all probes until the labels or the templates change."""
        version = self._blocks.version
        for known in self._selections:
            if known.version == version and np.array_equal(known.labels, among):
                return known
        rows = self._blocks.find(among)
        allowed = np.zeros(self._blocks.top, np.bool_)
        allowed[rows] = True
        selection = Selection(among.copy(), version, rows, allowed)
        self._selections.appendleft(selection)
        return selection


def walk_width(templates: int) -> int:
    """Candidates kept on a walk among so many templates, for a recall of 0.99: docs/gallery.md, "Indexes"."""
    return max(80, round(80 * math.log10(max(templates, 1)) - 240))


def _rooms(about: dict[str, object]) -> list[int]:
    rooms = about.get("rooms")
    if not isinstance(rooms, list) or not all(isinstance(room, int) and room > 0 for room in rooms):
        raise ValueError(f"rooms must be a list of whole numbers, got {rooms!r}")
    return rooms

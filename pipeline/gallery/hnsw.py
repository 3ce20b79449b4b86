"""Approximate search in a navigable small world graph (Malkov and Yashunin, TPAMI 2020), by hnswlib."""

from __future__ import annotations

import hnswlib
import numpy as np

from pipeline.arrays import F32, I64
from pipeline.gallery.exact import ExactIndex, check_known, check_new, empty_neighbours, fill
from pipeline.gallery.index import Neighbours
from pipeline.gallery.vectors import check_unit, squared_l2

EXACT_UP_TO = 4096
"""below this many templates a matrix product is both exact and faster than a walk through the graph"""

LINKS = 16
"""M: links a template and layer, twice as many on the ground; 5 % of the memory of a 512-D vector"""

BUILD_EF = 200
"""candidates kept while a template is linked; hnswlib's own default"""

SEARCH_EF = 200
"""candidates kept during a search: found the nearest of 15,000 clustered 512-D templates for 500 of 500 mated
probes in 0.7 ms, and for 177 of 200 random ones, which lie about as near to everybody"""

SEED = 20180408
"""of the layers that templates are lifted to; fixed, so that the same calls build the same graph"""

_FIRST_CAPACITY = 1024


class HnswIndex:
    """A graph over many templates, and exact search while they are few. Implements `index.Index`.

    hnswlib knows templates by slots that are never used twice: to give a removed label back to it would
    repair the old node in place, and searches through such nodes find less. Removed templates stay in the
    graph as tombstones; when they outnumber the living, the graph is built anew from the living.
    """

    def __init__(self, dimension: int, exact_up_to: int = EXACT_UP_TO) -> None:
        self.dimension = dimension
        self._exact_up_to = exact_up_to
        self._few: ExactIndex | None = ExactIndex(dimension)
        self._start_graph(_FIRST_CAPACITY)

    def __len__(self) -> int:
        return len(self._few) if self._few is not None else len(self._slot_of)

    def add(self, labels: I64, vectors: F32) -> None:
        """Link the templates into the graph, in this order; the one that makes them many moves all there."""
        if self._few is None:
            check_new(labels, vectors, self.dimension, self._slot_of)
            self._link(labels, vectors)
            return
        self._few.add(labels, vectors)
        if len(self._few) > self._exact_up_to:
            few, self._few = self._few, None
            self._link(*few.templates())

    def remove(self, labels: I64) -> None:
        """Mark the templates as gone, and rebuild a graph that is mostly tombstones."""
        if self._few is not None:
            self._few.remove(labels)
            return
        check_known(labels, self._slot_of)
        for label in labels.tolist():
            self._graph.mark_deleted(self._slot_of.pop(label))
        if self._slots > 2 * len(self):
            self._rebuild()

    def search(self, probes: F32, count: int) -> Neighbours:
        """The nearest templates; exact up to `exact_up_to`, then nearly always the same as exact."""
        if self._few is not None:
            return self._few.search(probes, count)
        check_unit("probes", probes, self.dimension)
        found = empty_neighbours(len(probes), count)
        self._graph.set_ef(max(SEARCH_EF, 2 * count))
        for row, probe in enumerate(probes):
            slots = self._walk(probe, min(count, len(self)))
            # hnswlib's distances differ from ours in the last bits: measured again, both indexes say the same.
            fill(found, row, self._label_of[slots], squared_l2(probe, self._vectors(slots)))
        return found

    def _walk(self, probe: F32, count: int) -> I64:
        """Slots of the `count` templates that the graph calls nearest; every slot where it reaches too few."""
        try:
            slots, _ = self._graph.knn_query(probe, k=count, num_threads=1)
        except RuntimeError:
            # Tombstones and duplicates can cut a graph in pieces; hnswlib then refuses to return fewer.
            return np.fromiter(self._slot_of.values(), np.int64, len(self))
        return np.asarray(slots[0], dtype=np.int64)

    def _start_graph(self, capacity: int) -> None:
        self._slots = 0
        self._slot_of: dict[int, int] = {}
        self._label_of = np.empty(capacity, np.int64)
        self._graph = hnswlib.Index("l2", self.dimension)
        self._graph.init_index(capacity, M=LINKS, ef_construction=BUILD_EF, random_seed=SEED)

    def _link(self, labels: I64, vectors: F32) -> None:
        slots = np.arange(self._slots, self._slots + len(labels), dtype=np.int64)
        missing = self._slots + len(labels) - len(self._label_of)
        if missing > 0:
            more = np.empty(max(missing, len(self._label_of)), np.int64)
            self._label_of = np.concatenate((self._label_of, more))
            self._graph.resize_index(len(self._label_of))
        # One thread: with several the graph would depend on who links first.
        self._graph.add_items(vectors, slots, num_threads=1)
        self._label_of[slots] = labels
        self._slot_of.update(zip(labels.tolist(), slots.tolist(), strict=True))
        self._slots += len(labels)

    def _rebuild(self) -> None:
        slots = np.fromiter(self._slot_of.values(), np.int64, len(self._slot_of))
        labels, vectors = self._label_of[slots], self._vectors(slots)
        self._start_graph(max(_FIRST_CAPACITY, len(labels)))
        self._few = ExactIndex(self.dimension)
        self.add(labels, vectors)

    def _vectors(self, slots: I64) -> F32:
        if not len(slots):
            return np.zeros((0, self.dimension), np.float32)
        return np.asarray(self._graph.get_items(slots), dtype=np.float32)

"""One navigable small world graph (Malkov and Yashunin, TPAMI 2020) over projected vectors, by hnswlib."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import hnswlib
import numpy as np

from pipeline.arrays import F32, I64
from pipeline.gallery.indexes.projection import Projection

LINKS = 32
"""M: links a template and layer, twice as many on the ground. 24 needed half as many candidates more for the same
recall, 40 gave what it cost; 32 of 64-D vectors take a quarter of the memory of a 512-D vector"""

BUILD_EF = 200
"""candidates kept while a template is linked; 400 took half as long again and found no more"""

SEED = 20180408
"""of the layers that templates are lifted to; fixed, so that the same calls build the same graph"""

FAR = 3.0
"""length of what a removed template's vector is overwritten with: farther from every face, whose projections are no
longer than 1, than any two faces are from each other, so that no search comes by"""


HEADER = np.dtype(
    [
        *((name, "<u8") for name in ("start", "room", "count", "node_size", "row_offset", "vector_offset")),
        *(("layers", "<i4"), ("entry", "<u4")),
        *((name, "<u8") for name in ("links", "ground_links", "new_links")),
        *(("layer_factor", "<f8"), ("build_ef", "<u8")),
    ]
)
"""of a file that hnswlib 0.8.0 writes: hnswalg.h, saveIndex; the ground layer's nodes follow it"""


@dataclass(frozen=True, slots=True)
class GraphLayout:
    """Where the ground layer stands in a saved graph."""

    node: np.dtype[np.void]
    """links: their count, and marks, then the neighbours; vector; row"""
    offset: int
    """bytes before the first node"""
    count: int
    """nodes"""


def graph_layout(file: Path) -> GraphLayout:
    """Read a saved graph's header. Raises ValueError where it is none of hnswlib 0.8.0, OSError."""
    read = np.fromfile(file, HEADER, 1)
    if len(read) != 1:
        raise ValueError(f"{file}: is too short for a graph")
    links, vector_at, row_at = (
        int(read[0][name]) for name in ("ground_links", "vector_offset", "row_offset")
    )
    dimension, rest = divmod(row_at - vector_at, 4)
    count, size = int(read[0]["count"]), int(read[0]["node_size"])
    whole = file.stat().st_size >= HEADER.itemsize + count * size
    if rest or dimension < 1 or vector_at != 4 * links + 4 or size != row_at + 8 or not whole:
        raise ValueError(f"{file}: is no graph of this version of hnswlib")
    node = np.dtype([("links", "<u4", (links + 1,)), ("vector", "<f4", (dimension,)), ("row", "<u8")])
    return GraphLayout(node, HEADER.itemsize, count)


class Graph:
    """Rows by their projected vectors, for as many as there is room for; memory is taken when it is needed.

    A removed row's vector is overwritten and its neighbours are linked anew past it; a row that comes back with
    another vector takes its old place. Measured, graphs whose rows were replaced find as much as fresh ones
    (docs/gallery.md, "Indexes"). Nothing here is safe beside a writer.
    """

    def __init__(self, projection: Projection, room: int) -> None:
        self.projection = projection
        self.room = room
        self._gone: set[int] = set()
        self._links = hnswlib.Index("l2", projection.dimension)
        self._links.init_index(room, M=LINKS, ef_construction=BUILD_EF, random_seed=SEED)

    def __len__(self) -> int:
        """Rows that can be found."""
        return int(self._links.get_current_count()) - len(self._gone)

    def rows(self) -> I64:
        """Every row (N,) that has a place, also those that are gone."""
        return np.array(self._links.get_ids_list(), np.int64)

    def link(self, rows: I64, vectors: F32) -> None:
        """Link rows (N,) by their projected vectors (N, K), in this order; those that have a place move there.

        In one thread: with several the graph would depend on who links first. Raises RuntimeError where there
        is no room.
        """
        self._links.add_items(vectors, rows, num_threads=1)
        self._gone.difference_update(rows.tolist())

    def bury(self, row: int) -> None:
        """Overwrite a row's vector, and let nobody find it. Linking the others past it takes some milliseconds."""
        if row not in self._gone:
            away = far_away(row, self.projection.dimension)
            self._links.add_items(away[None], np.array([row], np.int64), num_threads=1)
            self._links.mark_deleted(row)
            self._gone.add(row)

    def walk(self, probe: F32, count: int, width: int) -> I64 | None:
        """The rows nearest to a projected probe (K,), as far as a walk finds; None where it reaches too few.

        Args:
            count: rows wanted; fewer come where fewer are there.
            width: candidates that are kept on the way (ef), at least `count`.
        """
        wanted = min(count, len(self))
        if not wanted:
            return np.empty(0, np.int64)
        self._links.set_ef(width)
        try:
            rows, _ = self._links.knn_query(probe, k=wanted, num_threads=1)
        except (
            RuntimeError
        ):  # removed rows and duplicates can cut a graph in pieces; hnswlib then returns nothing
            return None
        return np.asarray(rows[0], dtype=np.int64)

    def save(self, file: Path) -> None:
        """Write everything, in hnswlib's own format. Raises OSError."""
        try:
            self._links.save_index(str(file))
        except RuntimeError as error:
            raise OSError(f"{file}: cannot be written ({error})") from error

    @classmethod
    def load(cls, file: Path, projection: Projection, room: int) -> Self:
        """What `save` wrote. Raises ValueError for a file that is not whole, OSError."""
        if not file.is_file():
            raise OSError(f"{file}: is not there")
        graph = cls(projection, 1)
        graph.room = room
        graph._links = hnswlib.Index("l2", projection.dimension)
        try:
            graph._links.load_index(str(file), max_elements=room)
        except RuntimeError as error:
            raise ValueError(f"{file}: {error}") from error
        return graph

    def note_gone(self, rows: I64) -> None:
        """Say which of a loaded graph's rows (N,) are marked as gone."""
        self._gone.update(rows.tolist())


def far_away(row: int, dimension: int) -> F32:
    """What a removed row's vector (K,) is overwritten with."""
    direction = np.random.default_rng(row).standard_normal(dimension)
    return np.asarray(FAR * direction / np.linalg.norm(direction), np.float32)

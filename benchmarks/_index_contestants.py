"""Everything that is compared in `bench indexes`, behind one protocol: ours, and what others would use."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any, Protocol

import numpy as np

from engines.arrays import F32, I64
from pipeline.gallery.indexes.index import Index

MLANN_UP_TO = 50_000
"""templates that ML-ANN is made for"""
PLAIN_LINKS, TUNED_BUILD_EF = 16, 100
"""of the tuned hnswlib: the settings of the issue's own measurement"""


class Contestant(Protocol):
    """One way to find the nearest of many templates."""

    name: str
    efforts: tuple[float, ...]
    """what a sweep sets, from quick to thorough; none where there is nothing to set"""
    usual: float
    """of the efforts, what is shown where only one is; 0 where there is none"""

    def fill(self, blocks: Iterable[F32], size: int) -> None:
        """Take in all templates (size, D), a block at a time; row r is called r."""
        ...

    def set_effort(self, effort: float) -> None:
        """Search as thoroughly as this."""
        ...

    def search(self, probe: F32) -> int:
        """The row called nearest to a probe (D,)."""
        ...

    def spent(self) -> int | None:
        """Distances computed by all searches so far; None where nobody counts."""
        ...

    def distances(self, probes: F32, rows: I64) -> F32 | None:
        """Squared L2 (Q,) from each probe (Q, D) to the template found; None where that is not asked."""
        ...


class Ours:
    """An index of this project."""

    efforts: tuple[float, ...] = ()
    usual = 0.0

    def __init__(self, name: str, index: Index) -> None:
        self.name = name
        self.index = index
        self._searched = 0

    def fill(self, blocks: Iterable[F32], size: int) -> None:
        """At once, as a gallery is loaded."""
        every = joined(blocks, (size, self.index.dimension))
        self.index.add(np.arange(size, dtype=np.int64), every)
        self.index.settle()

    def set_effort(self, effort: float) -> None:
        """Nothing to set."""

    def search(self, probe: F32) -> int:
        """The row called nearest."""
        self._searched += len(self.index)
        return int(self.index.search(probe[None], 1).labels[0, 0])

    def spent(self) -> int | None:
        """Of exact search: every template."""
        return self._searched

    def distances(self, probes: F32, rows: I64) -> F32 | None:
        """By the index's own vectors."""
        return np.asarray(np.sum((self.index.vectors(rows) - probes) ** 2, axis=1), np.float32)


class OurHnsw(Ours):
    """Ours, with the number of candidates as effort."""

    efforts: tuple[float, ...] = (60, 100, 140, 180, 240, 320, 480)

    def __init__(self, dimension: int, size: int) -> None:
        from pipeline.gallery.indexes.hnsw import HnswIndex, walk_width

        self.hnsw = HnswIndex(dimension, exact_up_to=0)
        super().__init__("hnsw", self.hnsw)
        self.usual = float(walk_width(size))

    def set_effort(self, effort: float) -> None:
        """Candidates kept on a walk."""
        self.hnsw.width = int(effort)

    def spent(self) -> int | None:
        """hnswlib does not tell."""
        return None


class OurMlann(Ours):
    """Ours, with the budget as effort: a share of the templates."""

    efforts: tuple[float, ...] = (0.01, 0.02, 0.05, 0.1, 0.2)
    usual = 0.05

    def __init__(self, dimension: int) -> None:
        from pipeline.gallery.indexes.mlann import MlannIndex

        self.mlann = MlannIndex(dimension)
        super().__init__("mlann", self.mlann)

    def set_effort(self, effort: float) -> None:
        """A new index of the same templates, as the budget is part of it."""
        from pipeline.gallery.indexes.mlann import MlannIndex
        from pipeline.gallery.indexes.mlann_settings import Settings

        labels = np.arange(len(self.mlann), dtype=np.int64)
        warm = min(Settings().warm_budget, effort)
        settings = replace(Settings(), budget=effort, least=16, warm_budget=warm)
        again = MlannIndex(self.mlann.dimension, settings)
        again.add(labels, self.mlann.vectors(labels))
        self.index = self.mlann = again

    def spent(self) -> int | None:
        """As it counts itself."""
        return self.mlann.spent.distances


class Plain:
    """numpy's matrix product with all templates, and the largest."""

    name = "numpy product"
    efforts: tuple[float, ...] = ()
    usual = 0.0

    def fill(self, blocks: Iterable[F32], size: int) -> None:
        """One array."""
        left = iter(blocks)
        first = next(left)
        self._templates = joined(chain((first,), left), (size, first.shape[1]))

    def set_effort(self, effort: float) -> None:
        """Nothing to set."""

    def search(self, probe: F32) -> int:
        """The row with the largest product."""
        return int(np.argmax(self._templates @ probe))

    def spent(self) -> int | None:
        """Nobody counts."""
        return None

    def distances(self, probes: F32, rows: I64) -> F32 | None:
        """Not asked."""
        return None


class PlainHnsw:
    """hnswlib as it comes, over the full vectors."""

    efforts: tuple[float, ...] = (10, 20, 40, 80, 120, 160, 240, 320, 480, 640)
    usual = 10.0

    def __init__(self, dimension: int, name: str = "hnswlib defaults", build_ef: int = 200) -> None:
        self.name = name
        self._dimension = dimension
        self._build_ef = build_ef

    def fill(self, blocks: Iterable[F32], size: int) -> None:
        """With all cores."""
        import hnswlib

        self._index = hnswlib.Index("l2", self._dimension)
        self._index.init_index(size, M=PLAIN_LINKS, ef_construction=self._build_ef)
        for block in blocks:
            self._index.add_items(block, num_threads=os.cpu_count() or 1)

    def set_effort(self, effort: float) -> None:
        """Candidates kept on a walk."""
        self._index.set_ef(int(effort))

    def search(self, probe: F32) -> int:
        """The row called nearest."""
        return int(self._index.knn_query(probe, k=1, num_threads=1)[0][0, 0])

    def spent(self) -> int | None:
        """hnswlib does not tell."""
        return None

    def distances(self, probes: F32, rows: I64) -> F32 | None:
        """Not asked."""
        return None


class Faiss:
    """faiss over the full vectors: flat, or its HNSW."""

    def __init__(self, name: str, dimension: int, links: int | None) -> None:
        import faiss

        self.name = name
        self.efforts: tuple[float, ...] = () if links is None else (16, 40, 80, 160, 320, 640)
        self.usual = 0.0 if links is None else 16.0
        self._walks = links is not None
        self._index: Any = (
            faiss.IndexFlatL2(dimension) if links is None else faiss.IndexHNSWFlat(dimension, links)
        )

    def fill(self, blocks: Iterable[F32], size: int) -> None:
        """With all cores, and from then on with one."""
        import faiss

        faiss.omp_set_num_threads(os.cpu_count() or 1)
        for block in blocks:
            self._index.add(block)
        faiss.omp_set_num_threads(1)

    def set_effort(self, effort: float) -> None:
        """Candidates kept on a walk."""
        if self._walks:
            self._index.hnsw.efSearch = int(effort)

    def search(self, probe: F32) -> int:
        """The row called nearest."""
        return int(self._index.search(probe[None], 1)[1][0, 0])

    def spent(self) -> int | None:
        """Nobody counts."""
        return None

    def distances(self, probes: F32, rows: I64) -> F32 | None:
        """Not asked."""
        return None


def joined(blocks: Iterable[F32], shape: tuple[int, int]) -> F32:
    """All templates (N, D), without a second copy on the way."""
    every = np.empty(shape, np.float32)
    row = 0
    for block in blocks:
        every[row : row + len(block)] = block
        row += len(block)
    return every


def others(dimension: int, size: int) -> Iterator[Contestant]:
    """Everybody but our HNSW, each made when it is asked for: two at most have to be in memory."""
    from pipeline.gallery.indexes.exact import ExactIndex

    yield Ours("exact", ExactIndex(dimension))
    if size <= MLANN_UP_TO:
        yield OurMlann(dimension)
    yield Plain()
    yield PlainHnsw(dimension, "hnswlib tuned", TUNED_BUILD_EF)
    yield PlainHnsw(dimension)
    try:
        import faiss
    except ImportError:  # a reference for developers: requirements-dev.txt
        return
    del faiss
    yield Faiss("faiss flat", dimension, None)
    yield Faiss("faiss HNSW", dimension, 32)

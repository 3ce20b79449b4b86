"""Every kind of index that the contract suites run over, and vectors to put in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.indexes.hnsw import HnswIndex
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.indexes.mlann import MlannIndex
from pipeline.gallery.indexes.mlann_settings import Settings

DIMENSION = 32

Make = Callable[[], Index]

MAKERS: dict[str, Make] = {
    "exact": lambda: ExactIndex(DIMENSION),
    "hnsw-few": lambda: HnswIndex(DIMENSION),
    "hnsw-graph": lambda: HnswIndex(DIMENSION, exact_up_to=0),
    "hnsw-growing": lambda: HnswIndex(DIMENSION, exact_up_to=100),
    "hnsw-crowded": lambda: HnswIndex(DIMENSION, exact_up_to=0, room=64),
    "mlann-all": lambda: MlannIndex(
        DIMENSION, replace(Settings(), budget=1.0, least=1, warm_budget=1.0, warm_least=1)
    ),
}


def unit(vectors: np.ndarray) -> F32:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


def faces(people: int, each: int, seed: int, noise: float = 0.12, dimension: int = DIMENSION) -> F32:
    """Vectors in clusters, as faces are: `each` for a person."""
    rng = np.random.default_rng(seed)
    centres = unit(np.random.default_rng(7).normal(size=(people, dimension)))
    return unit(np.repeat(centres, each, axis=0) + noise * rng.normal(size=(people * each, dimension)))


def labels(start: int, stop: int) -> I64:
    return np.arange(start, stop, dtype=np.int64)


def plain(templates: dict[int, F32], probe: F32, count: int) -> list[tuple[float, int]]:
    """The truth all are held to: a Python loop in float64."""
    every = [
        (float(np.sum((vector.astype(np.float64) - probe.astype(np.float64)) ** 2)), label)
        for label, vector in templates.items()
    ]
    return sorted(every)[:count]


def plain_labels(templates: dict[int, F32], probe: F32, count: int) -> list[int]:
    return [label for _, label in plain(templates, probe, count)]

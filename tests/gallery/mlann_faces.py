"""Faces in few dimensions, and indexes of them, for the tests of ML-ANN."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.arrays import F32, I64
from pipeline.gallery.indexes.mlann import MlannIndex
from pipeline.gallery.indexes.mlann_settings import Settings

DIMENSION = 48
FULL = Settings(full_up_to=10**6)
AXES = Settings(full_up_to=0)


def everything(tuned: Settings) -> Settings:
    """The same with the whole gallery as budget, hint or not, and nothing searched by plain looking."""
    return replace(tuned, budget=1.0, least=1, warm_budget=1.0, warm_least=1)


BOTH = pytest.mark.parametrize("tuned", [FULL, AXES], ids=["full", "axes"])


def unit(vectors: np.ndarray) -> F32:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


def labels(start: int, stop: int) -> I64:
    return np.arange(start, stop, dtype=np.int64)


def faces(people: int, seed: int, noise: float = 0.6, each: int = 1) -> F32:
    """Photos of people, as likely to vary in a few directions as real vectors are."""
    widths = 0.9 ** np.arange(DIMENSION)
    centres = np.random.default_rng(7).normal(size=(people, DIMENSION)) * widths
    apart = np.random.default_rng(seed).normal(size=(people * each, DIMENSION)) * widths
    return unit(np.repeat(centres, each, axis=0) + noise * apart)


def filled(tuned: Settings, vectors: F32, each: int = 1) -> MlannIndex:
    index = MlannIndex(DIMENSION, tuned, owners=lambda given: given // each)
    index.add(labels(0, len(vectors)), vectors)
    return index


def spent_on(index: MlannIndex, probe: F32, count: int, near: int = -1) -> int:
    before = index.spent.distances
    index.search(probe[None], count, near=np.array([near], np.int64))
    return index.spent.distances - before

"""How far a quantised embedder is from the float one, and how long each takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engines.arrays import F32, U8
from pipeline.embedding.embedder import unit_length

BATCH = 16
WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Difference:
    """Two embedders on the same crops."""

    mean_cosine: float
    worst_cosine: float
    distance_rms: float
    """of the change of squared L2 distances, over every two crops: what moves a pair over a threshold"""


@dataclass(frozen=True, slots=True)
class Timed:
    """Medians of interleaved runs."""

    ms_a_face_batch_1: float
    ms_a_face_batch_16: float


def embed(compiled: Any, crops: U8) -> F32:
    """Unit vectors (N, D) of crops (N, S, S, 3)."""
    request = compiled.create_infer_request()
    vectors = [
        np.array(request.infer({0: np.ascontiguousarray(crops[start : start + BATCH])})[0])
        for start in range(0, len(crops), BATCH)
    ]
    return unit_length(np.concatenate(vectors))


def difference(vectors: F32, reference: F32) -> Difference:
    """Between unit vectors (N, D) of the same crops."""
    cosines = np.sum(vectors.astype(np.float64) * reference, axis=1)
    first, second = np.triu_indices(len(vectors), 1)
    change = 2.0 * ((reference @ reference.T) - (vectors @ vectors.T))[first, second]
    return Difference(float(cosines.mean()), float(cosines.min()), float(np.sqrt(np.mean(change**2))))


def interleaved(compiled: Mapping[str, Any], crops: U8, rounds: int) -> dict[str, Timed]:
    """Each network in turn on one crop and on sixteen, so that what else the machine does meets all of them."""
    requests = {name: each.create_infer_request() for name, each in compiled.items()}
    medians: dict[str, list[float]] = {name: [] for name in requests}
    for count in (1, BATCH):
        batch = np.ascontiguousarray(np.resize(crops, (count, *crops.shape[1:])))
        times: dict[str, list[float]] = {name: [] for name in requests}
        for _ in range(WARM_UP + rounds):
            for name, request in requests.items():
                started = time.perf_counter()
                request.infer({0: batch})
                times[name].append((time.perf_counter() - started) * 1000.0 / count)
        for name, each in times.items():
            medians[name].append(float(np.median(each[WARM_UP:])))
    return {name: Timed(*each) for name, each in medians.items()}

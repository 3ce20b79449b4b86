"""How far an embedder's vectors are from the reference's, as the product compares them."""

from __future__ import annotations

import numpy as np

from engines.arrays import F32, F64, U8
from engines.backends.base import Engine
from engines.build.parity_measures import VectorParity

BATCH = 16


def vectors_of(engine: Engine, crops: U8) -> F32:
    """The network's own vectors (N, D) of crops (N, S, S, 3). Raises BackendError."""
    (given,), (output,) = engine.inputs, engine.outputs
    parts = [
        engine.infer({given.name: crops[start : start + BATCH]})[output.name]
        for start in range(0, len(crops), BATCH)
    ]
    return np.concatenate(parts)


def compare_vectors(have: F32, want: F32, centre: F32 | None, max_distance: float | None) -> VectorParity:
    """Vectors (N, D) of an engine and of the reference, a row a crop.

    `centre` (D,) is taken off unit vectors (engines/centre.py); `max_distance` is the operating threshold.
    """
    ours, theirs = centred(have, centre), centred(want, centre)
    cosines = np.sum(ours * theirs, axis=1)
    pairs = changed = 0
    if max_distance is not None:
        decided, expected = (_same_person(each, max_distance) for each in (ours, theirs))
        pairs, changed = len(decided), int(np.sum(decided != expected))
    return VectorParity(
        crops=len(have),
        worst_cosine=float(cosines.min()),
        mean_cosine=float(cosines.mean()),
        max_squared_l2=float(np.max(np.sum((have.astype(np.float64) - want) ** 2, axis=1))),
        max_distance=max_distance,
        pairs=pairs,
        changed_decisions=changed,
    )


def centred(vectors: F32, centre: F32 | None) -> F64:
    """Unit vectors (N, D) without the centre (D,), brought to unit length again."""
    units = _unit(vectors.astype(np.float64))
    return units if centre is None else _unit(units - centre)


def _unit(vectors: F64) -> F64:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12))


def _same_person(vectors: F64, max_distance: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Of every two rows (N (N - 1) / 2,), whether they are one person."""
    first, second = np.triu_indices(len(vectors), k=1)
    distances = 2.0 - 2.0 * np.sum(vectors[first] * vectors[second], axis=1)
    return np.asarray(distances < max_distance)

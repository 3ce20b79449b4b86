"""Small sets of made-up faces for the protocols' tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.arrays import F32
from engines.evaluation.face_set import FaceSet


def made_set(
    names: Sequence[str], vectors: F32 | None = None, *, found: Sequence[bool] | None = None
) -> FaceSet:
    """Faces of photos with these names, PERSON/PHOTO or PERSON/VIDEO/FRAME; vectors of persons drawn by seed."""
    people = [name.split("/")[0] for name in names]
    rows = len(names)
    if vectors is None:
        vectors = np.stack([person_vector(person, row) for row, person in enumerate(people)])
    return FaceSet(
        names=tuple(names),
        people=tuple(people),
        groups=tuple("/".join(name.split("/")[:-1]) for name in names),
        found=np.ones(rows, np.bool_) if found is None else np.array(found, np.bool_),
        vectors=vectors,
        flipped=np.zeros((0, vectors.shape[1]), np.float32),
        quality=np.full(rows, 0.9, np.float32),
        parts=np.ones((rows, 1), np.float32),
        part_names=("size",),
        boxes=np.tile(np.array([10, 10, 60, 70], np.float32), (rows, 1)),
    )


def person_vector(person: str, shot: int, noise: float = 0.4, dimension: int = 32) -> F32:
    """A unit vector (D,) near the person's own."""
    seed = list(person.encode())
    vector = unit(np.random.default_rng(seed).normal(size=dimension).astype(np.float32))
    return unit(
        vector + noise * unit(np.random.default_rng([shot, *seed]).normal(size=dimension).astype(np.float32))
    )


def unit(vector: F32) -> F32:
    """It at length 1."""
    return np.asarray(vector / np.linalg.norm(vector), np.float32)

"""Galleries of made-up people for the tests: vectors in clusters, seeded."""

from __future__ import annotations

import hashlib

import numpy as np

from pipeline.arrays import F32
from pipeline.gallery.storage.records import Crop, NewTemplate

MODEL = "model-a"
DIMENSION = 64


def unit(vectors: np.ndarray) -> F32:
    """Rows scaled to length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


def face(person: int, shot: int = 0, spread: float = 0.4, dimension: int = DIMENSION) -> F32:
    """A vector (D,) near this person's centre."""
    centre = np.random.default_rng(person).normal(size=dimension)
    offset = np.random.default_rng((person, shot)).normal(size=dimension)
    return unit(unit(centre) + spread * unit(offset))


def template(person: int, shot: int = 0, model_id: str = MODEL, dimension: int = DIMENSION) -> NewTemplate:
    """A template with a crop, unlike every other's bytes."""
    seed = np.random.default_rng((person, shot, 1))
    return NewTemplate(
        model_id=model_id,
        vector=face(person, shot, dimension=dimension),
        quality=0.75,
        source=f"photo-{person}-{shot}.jpg",
        image_sha256=hashlib.sha256(f"{person}-{shot}".encode()).hexdigest(),
        crop=Crop(
            seed.bytes(600), np.arange(4, dtype=np.float32), np.arange(10, dtype=np.float32).reshape(5, 2)
        ),
    )

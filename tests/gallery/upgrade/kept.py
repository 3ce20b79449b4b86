"""Galleries of people with kept faces, and a model that describes a face by its pixels alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.arrays import F32
from pipeline.gallery.face_crop import cut_face
from pipeline.gallery.storage.records import NewPerson, NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.gallery.upgrade.re_embedding import FaceImage, ReEmbedding, Target
from tests.gallery.people import face, template

OLD, NEW = "old-1", "new-1"
NEW_DIMENSION = 32

Described = frozenset[tuple[str, str, bytes]]
"""name, image and vector of templates"""


def kept(person: int, shot: int = 0, model_id: str = OLD) -> NewTemplate:
    """A template with a picture that is one, unlike every other's."""
    pixels = np.random.default_rng((person, shot)).integers(0, 256, (16, 16, 3), np.uint8)
    box = np.array([4, 4, 12, 12], np.float32)
    crop = cut_face(pixels, box, np.full((5, 2), 8, np.float32))
    return replace(template(person, shot, model_id), crop=crop)


def bare(person: int, shot: int = 0, model_id: str = OLD) -> NewTemplate:
    """A template without a kept face."""
    return replace(template(person, shot, model_id), crop=None)


def embed(faces: Sequence[FaceImage]) -> F32:
    """A vector a face, which depends on its pixels, box and landmarks."""
    return np.stack([_vector(one) for one in faces])


def _vector(one: FaceImage) -> F32:
    said = hashlib.sha256(one.image.tobytes() + one.box.tobytes() + one.landmarks.tobytes())
    return face(int.from_bytes(said.digest()[:6], "big"), dimension=NEW_DIMENSION)


TARGET = Target("new", NEW, embed)


def fill(store: Store, people: int, shots: int = 3) -> None:
    """Enroll people P0, P1, ..., of whom every seventh has no kept face."""
    store.enroll_many(
        [
            NewPerson(
                f"P{person}",
                tuple((bare if person % 7 == 6 else kept)(person, shot) for shot in range(shots)),
            )
            for person in range(people)
        ]
    )


def described(store: Store, model_id: str = NEW) -> Described:
    """What a model has described, apart from when and under which labels."""
    return frozenset(
        (one.person.name, each.image_sha256, each.vector.tobytes())
        for one in store.people()
        for each in store.templates_of(one.person.id, model_id)
    )


def expected(data: Path, people: int) -> Described:
    """What an uninterrupted run leads to, in a gallery of its own."""
    with Store(data / "expected") as store:
        fill(store, people)
        ReEmbedding(store, TARGET).switch(None)
        return described(store)

"""Photos with painted faces on disk, and a gallery to enroll them in: commands without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
from rich.console import Console

from config.schema import Config
from pipeline.commands.context import Context
from pipeline.gallery.indexes.choose import choose_index
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.painted import PaintedFace, PaintedRecogniser, paint
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store

RECOGNISER = PaintedRecogniser()


def write_photo(path: Path, *faces: PaintedFace) -> Path:
    """A PNG of these faces."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), paint(faces)[:, :, ::-1])
    return path


def make(data: Path, json: bool = False) -> Context:
    """A context with default configuration."""
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    return replace(Context(Config(), data, data / "models", json=False, console=console), json=json)


def replica_of(store: Store) -> Replica:
    """The gallery as it is now."""
    return Replica.load(store, RECOGNISER.model_id, choose_index("hnsw", RECOGNISER.dimension))


def enroll_people(store: Store, people: Sequence[tuple[str, int]]) -> None:
    """Enroll (name, painted person) with one template each."""
    for name, person in people:
        vector = RECOGNISER.vector(person)
        store.enroll(name, [NewTemplate(RECOGNISER.model_id, vector, 0.8, f"{person}.png", f"{person:064}")])

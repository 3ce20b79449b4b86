"""A gallery with something of everything in it, and all that it holds, to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.records import Person
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import backups, gallery, metadata
from pipeline.gallery.storage.watchlists import Watchlists
from tests.gallery.made_sightings import RULES, sighting
from tests.gallery.people import MODEL, template

Rows = Mapping[str, list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Filled:
    """Who is in it."""

    ann: Person
    bob: Person
    was_ann: str
    """id of the stranger who turned out to be Ann"""
    stranger: str
    """id of one who is nobody yet, and whom another was merged into"""


def fill(store: Store, data: Path) -> Filled:
    """Fill an empty gallery."""
    ann = store.enroll("Ann", [template(1), template(1, 1)]).person
    bob = store.enroll("Bob", [template(2), replace(template(2, 1), crop=None)]).person
    anna = store.enroll("Anna", [template(1, 5)]).person
    store.merge(anna.id, ann.id)
    lists = Watchlists(store.database)
    lists.create("staff", "may enter")
    lists.add("staff", [ann.id, bob.id])
    seen, strangers = Sightings(store.database), Strangers(store.database)
    seen.write(
        [
            replace(sighting(1, person=ann.id, face_of=1, stands=False), snapshot="snapshots/door/1.jpg"),
            replace(sighting(2, person=bob.id, face_of=2, stands=False), snapshot="snapshots/door/2.jpg"),
            sighting(3, face_of=11),
            sighting(4, face_of=12),
            replace(sighting(5, face_of=13), explanation='{"v":1}', nearest=(ann.id, bob.id)),
            replace(sighting(6, face_of=14, stands=False), vector=None),
        ]
    )
    was_ann, stranger, merged = (f"s_{number:012x}" for number in (11, 12, 13))
    strangers.name(was_ann, "Ann", replace(RULES, force=True))
    strangers.merge(merged, stranger)
    store.serve("a", MODEL)
    for name in (f"snapshots/{ann.id}/a.jpg", "snapshots/door/1.jpg", "snapshots/door/2.jpg"):
        picture(data, name)
    (data / "strangers").mkdir()
    (data / "strangers" / "model-a.json").write_text("{}")
    return Filled(ann, bob, was_ann, stranger)


def picture(data: Path, name: str) -> Path:
    """A file of bytes that no other picture has."""
    path = data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.random.default_rng(list(name.encode())).bytes(4000))
    return path


def rows_of(database: Database) -> Rows:
    """All rows of all tables but those that differ from copy to copy, sorted."""
    with database.reading() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
            if table not in (gallery, backups)
        }


def next_label(store: Store) -> int:
    """The label of a template that is enrolled now."""
    return store.enroll("Next", [template(99)]).labels[0]

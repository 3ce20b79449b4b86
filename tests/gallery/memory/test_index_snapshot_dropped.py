"""Snapshots of an index keep nothing of templates that a gallery has dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.gallery.memory import opening, snapshot_taking
from pipeline.gallery.memory.opening import open_replica
from pipeline.gallery.memory.snapshot_taking import SnapshotTaking
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.store import Store
from tests.gallery.made_sightings import RULES, sighting
from tests.gallery.memory.test_index_snapshot import recipe, snapshots, start, the_one
from tests.gallery.people import MODEL, face, template


@pytest.fixture(autouse=True)
def _small_galleries_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "SNAPSHOT_FROM", 5)
    monkeypatch.setattr(snapshot_taking, "SNAPSHOT_FROM", 5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A gallery of ten people with two templates each."""
    with Store(tmp_path) as opened:
        for person in range(10):
            opened.enroll(f"Person {person}", [template(person), template(person, 1)])
        yield opened


def bound_them(store: Store, data: Path) -> None:
    with Store(data, max_templates=1) as bounded:
        bounded.enroll("Person 3", [template(3, 2)])


def merge_a_shared_photo(store: Store, data: Path) -> None:
    store.merge(store.find("Person 3 again").id, store.find("Person 3").id)


def name_a_stranger(store: Store, data: Path) -> None:
    Sightings(store.database).write([sighting(number, face_of=3) for number in range(2, 5)])
    named = Strangers(store.database).name(f"s_{3:012x}", "Person 3", replace(RULES, most=1, force=True))
    store.wipe(named.redundant)


@pytest.mark.parametrize("drop", [bound_them, merge_a_shared_photo, name_a_stranger])
def test_whoever_is_forgotten_has_nothing_left_of_what_was_dropped_before(
    store: Store, tmp_path: Path, drop: Callable[[Store, Path], None]
) -> None:
    same_photo = replace(template(3, 8), image_sha256=template(3, 1).image_sha256)
    again = store.enroll("Person 3 again", [same_photo]).person
    start(store, tmp_path)
    drop(store, tmp_path)
    for person in {store.find("Person 3").id, again.id}:
        if store.known(person) is not None:
            store.forget(person)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file())
    assert face(4).tobytes() in kept
    assert not any(face(3, shot).tobytes() in kept for shot in (0, 1, 8))


def test_what_is_dropped_while_it_is_written_is_not_in_it(store: Store, tmp_path: Path) -> None:
    opened = open_replica(store.database, MODEL, recipe("hnsw"), snapshots(tmp_path))
    bound_them(store, tmp_path)
    stays = store.templates_of(store.find("Person 3").id)[0].vector.tobytes()
    SnapshotTaking(tmp_path, store.database, snapshots(tmp_path), opened).take(opened.replica)
    kept = (the_one(tmp_path) / "files" / "vectors.npy").read_bytes()
    assert face(4).tobytes() in kept
    assert not any(one in kept for shot in (0, 1) if (one := face(3, shot).tobytes()) != stays)

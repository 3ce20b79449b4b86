"""Explanations in the database: found by id and by time, with the names of today, and without who is forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, table

from pipeline.gallery.keeping.backup import backup
from pipeline.gallery.keeping.backup_erasing import erase_from
from pipeline.gallery.keeping.backup_file import Access, connected
from pipeline.gallery.keeping.backup_manifest import counted, read_manifest, verify, write_manifest
from pipeline.gallery.keeping.erasing import Whom
from pipeline.gallery.keeping.forgetting import forget
from pipeline.gallery.keeping.restore import restore
from pipeline.gallery.sightings.kept_explanations import (
    KeptSighting,
    cameras_of,
    explanations_since,
    ids_like,
    kept_sighting,
    split_id,
)
from pipeline.gallery.sightings.sighting_records import Called, RunOfCamera, Sighting
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import sightings
from tests.gallery.made_sightings import BEGUN, sighting
from tests.gallery.people import template
from tests.gallery.schema_2 import ADDED

FILM, LATER = RunOfCamera("door", "film"), RunOfCamera("door", "film2")


def near(one: Sighting, *person_ids: str) -> Sighting:
    return replace(one, explanation=f"why {one.sighting_id}", nearest=person_ids)


def found(store: Store, sighting_id: str) -> KeptSighting:
    with store.database.reading() as connection:
        kept = kept_sighting(connection, sighting_id)
    assert kept is not None
    return kept


def enrolled(store: Store, *names: str) -> list[str]:
    return [store.enroll(name, [template(at)]).person.id for at, name in enumerate(names, 20)]


def test_a_sighting_comes_back_with_its_explanation_and_names(store: Store) -> None:
    ann, bob = enrolled(store, "Ann", "Bob")
    one = near(sighting(1, person=ann, stands=False), ann, bob)
    Sightings(store.database).write([one, sighting(2)])
    kept = found(store, one.sighting_id)
    assert kept == KeptSighting(
        replace(one, vector=None), Called(ann, "Ann"), (Called(ann, "Ann"), Called(bob, "Bob"))
    )
    plain = found(store, sighting(2).sighting_id)
    assert (plain.sighting.explanation, plain.nearest, plain.person) == (None, (), None)
    with store.database.reading() as connection:
        assert kept_sighting(connection, "door:k3f9:99") is None


def test_a_later_explanation_takes_the_place_of_an_earlier_one(store: Store) -> None:
    ann, bob = enrolled(store, "Ann", "Bob")
    kept = Sightings(store.database)
    kept.write([near(sighting(1, over=False, seq=1), ann)])
    kept.write([replace(near(sighting(1, seq=2), bob, ann), explanation="later")])
    one = found(store, sighting(1).sighting_id).sighting
    assert (one.explanation, one.nearest) == ("later", (bob, ann))


def test_a_replay_that_is_run_again_writes_its_explanations_anew(store: Store) -> None:
    (ann,) = enrolled(store, "Ann")
    kept = Sightings(store.database)
    kept.replace_run([FILM], [near(sighting(1, run=FILM), ann), sighting(2, run=FILM, face_of=2)])
    kept.replace_run([FILM], [replace(near(sighting(1, run=FILM)), explanation="anew")])
    one = found(store, "door:film:1").sighting
    assert (one.explanation, one.nearest) == ("anew", ())
    with store.database.reading() as connection:
        assert [each.text for each in explanations_since(connection, BEGUN)] == ["anew"]


def test_people_who_are_gone_when_a_sighting_is_kept_are_left_out_of_it(store: Store, tmp_path: Path) -> None:
    ann, bob, eve = enrolled(store, "Ann", "Bob", "Eve")
    forget(store.database, tmp_path, ann)
    store.merge(bob, eve)
    Sightings(store.database).write([near(sighting(1), ann, bob)])
    assert found(store, sighting(1).sighting_id).sighting.nearest == (None, eve)


def test_who_was_merged_since_is_told_of_by_the_other_name(store: Store) -> None:
    ann, bob = enrolled(store, "Ann", "Bob")
    Sightings(store.database).write([near(sighting(1), ann)])
    store.merge(ann, bob)
    assert found(store, sighting(1).sighting_id).nearest == (Called(bob, "Bob"),)


def test_forgetting_takes_somebody_out_of_other_peoples_sightings_and_proves_it(
    store: Store, tmp_path: Path
) -> None:
    ann, bob, eve = enrolled(store, "Ann", "Bob", "Eve")
    Sightings(store.database).write(
        [
            near(sighting(1), ann, bob),
            near(sighting(2, face_of=2), bob, ann),
            near(sighting(3, face_of=3), bob, eve),
        ]
    )
    store.merge(ann, eve)
    forgotten = forget(store.database, tmp_path, eve)
    assert forgotten.proved
    assert forgotten.sightings == 0
    nearest = [found(store, sighting(number).sighting_id).sighting.nearest for number in (1, 2, 3)]
    assert nearest == [(None, bob), (bob,), (bob,)]
    assert found(store, sighting(1).sighting_id).sighting.explanation == f"why {sighting(1).sighting_id}"


def test_a_backup_keeps_explanations_and_forgets_people_in_them(store: Store, tmp_path: Path) -> None:
    ann, bob = enrolled(store, "Ann", "Bob")
    Sightings(store.database).write([near(sighting(1), ann, bob)])
    file = tmp_path / "b.backup"
    backup(store.database, tmp_path, file, BEGUN)
    assert forget(store.database, tmp_path, ann).proved
    verify(file)
    with connected(file, Access.READ) as connection:
        columns = (sightings.c.explanation, sightings.c.nearest_person_id, sightings.c.second_person_id)
        assert connection.execute(select(*columns)).all() == [(f"why {sighting(1).sighting_id}", None, bob)]


def test_a_restored_gallery_explains_as_before(store: Store, tmp_path: Path) -> None:
    (ann,) = enrolled(store, "Ann")
    Sightings(store.database).write([near(sighting(1), ann)])
    before = found(store, sighting(1).sighting_id)
    backup(store.database, tmp_path, tmp_path / "b.backup", BEGUN)
    (tmp_path / "other").mkdir()
    with Store(tmp_path / "other") as other:
        restore(other.database, tmp_path / "other", tmp_path / "b.backup", BEGUN)
        assert found(other, sighting(1).sighting_id) == before


def test_a_backup_of_schema_2_comes_back_and_somebody_in_it_is_forgotten(tmp_path: Path) -> None:
    """As a Facestream of that time would have written it."""
    file = tmp_path / "b.backup"
    with Store(tmp_path / "a") as store:
        ann, bob = enrolled(store, "Ann", "Bob")
        Sightings(store.database).write([sighting(1), sighting(2, person=ann, stands=False)])
        backup(store.database, tmp_path / "a", file, BEGUN)
    with closing(sqlite3.connect(file)) as connection:
        for column in ADDED:
            connection.execute(f"ALTER TABLE sightings DROP COLUMN {column}")
        connection.execute("DROP TABLE serving")
        connection.execute("UPDATE schema_version SET version = 2")
        connection.execute("UPDATE backup_manifest SET schema = 2")
        connection.commit()
    with connected(file, Access.CHANGE) as changed:
        manifest = read_manifest(changed, file)
        contents = {name: counted(changed, table(name)) for name in manifest.contents if name != "serving"}
        write_manifest(changed, replace(manifest, contents=contents))
    with Store(tmp_path / "b") as other:
        restore(other.database, tmp_path / "b", file, BEGUN)
        assert found(other, sighting(1).sighting_id).sighting == replace(sighting(1), vector=None)
        assert found(other, sighting(2).sighting_id).person == Called(ann, "Ann")
    assert erase_from(file, Whom(frozenset({bob})))["people"] == 1
    verify(file)


def test_explanations_of_a_time_and_a_camera(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (ann,) = enrolled(store, "Ann")
    yard, kept = RunOfCamera("yard", "k3f9"), Sightings(store.database)
    day = timedelta(days=1)
    monkeypatch.setattr(rows, "now", lambda: BEGUN)
    kept.write([near(sighting(1))])
    monkeypatch.setattr(rows, "now", lambda: BEGUN + day)
    kept.write(
        [near(sighting(2, face_of=2, over=False)), near(sighting(3, run=yard, person=ann, stands=False))]
    )

    def told(since: datetime, camera: str | None = None) -> Sequence[tuple[str, bool, bool]]:
        with store.database.reading() as connection:
            each = explanations_since(connection, since, camera)
            return sorted((one.camera, one.named, one.over) for one in each)

    assert len(told(BEGUN)) == 3
    assert told(BEGUN + day) == [("door", False, False), ("yard", True, True)]
    assert told(BEGUN + day, "yard") == [("yard", True, True)]
    assert told(BEGUN + 2 * day) == []


def test_ids_that_may_have_been_meant(store: Store) -> None:
    run = [sighting(number, run=FILM, face_of=number) for number in (1, 2, 5, 12)]
    newer = replace(sighting(7, run=LATER, face_of=7), seen_at=BEGUN + timedelta(days=1))
    Sightings(store.database).write([*run, newer])
    with store.database.reading() as connection:
        assert ids_like(connection, "door:film:4", 3) == ("door:film:5", "door:film:2", "door:film:1")
        assert ids_like(connection, "door:film:", 1) == ("door:film:1",)
        assert ids_like(connection, "door:nofilm:4", 2)[0] == "door:film2:7"
        assert ids_like(connection, "door", 1) == ("door:film2:7",)
        assert ids_like(connection, "yard:film:4", 3) == ()
        assert cameras_of(connection) == ("door",)


@pytest.mark.parametrize(
    ("sighting_id", "parts"),
    [
        ("door:k3f9:17", ("door", "k3f9", 17)),
        ("a:b:k3f9:17", ("a:b", "k3f9", 17)),
        ("door", ("door", "", 0)),
        ("door:k3f9", ("door", "", 0)),
        ("door:k3f9:x", ("door", "k3f9", 0)),
        ("door:k3f9:²", ("door", "k3f9", 0)),
        ("door:k3f9:" + "9" * 99, ("door", "k3f9", 0)),
        ("", ("", "", 0)),
        (":::", (":", "", 0)),
    ],
)
def test_ids_are_taken_apart_whatever_they_are(sighting_id: str, parts: tuple[str, str, int]) -> None:
    assert split_id(sighting_id) == parts

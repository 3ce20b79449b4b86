"""What `doctor` finds in a gallery's tables, on each database: damage, gaps, and pictures out of place."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete, insert, text, update

import pipeline.gallery.storage.problems as problems
from pipeline.gallery.keeping.snapshots import snapshots_of
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.hand_over import hand_over
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import changes, gallery, sightings, stranger_changes, templates
from pipeline.gallery.vectors import to_bytes
from tests.gallery.made_sightings import sighting
from tests.gallery.people import face, template


@pytest.fixture(autouse=True)
def several_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "READ_AT_ONCE", 3)


def filled(store: Store) -> None:
    store.enroll("Ann", [template(1, shot) for shot in range(8)])
    Sightings(store.database).write([sighting(number, face_of=number) for number in range(1, 9)])


def found(store: Store) -> list[str]:
    lines = store.problems()
    assert all("\n" not in line for line in lines)
    return [line.partition(";")[0] for line in lines]


def test_a_gallery_with_everything_in_it_has_none(store: Store) -> None:
    filled(store)
    assert found(store) == []


@pytest.mark.parametrize(("what", "table"), [("template", templates), ("sighting", sightings)])
def test_damaged_vectors_are_named(store: Store, what: str, table: object) -> None:
    filled(store)
    assert table in (templates, sightings)
    chosen = templates if what == "template" else sightings
    broken = {2: bytes(256), 4: b"\1\2", 5: to_bytes(2 * face(1)), 7: b""}
    with store.database.writing() as connection:
        for label, vector in broken.items():
            connection.execute(update(chosen).where(chosen.c.label == label).values(vector=vector))
    lines = found(store)
    assert lines[0] == f"{what} 2 is damaged: vector must have length 1, row 0 has 0"
    assert [line.partition(" is")[0] for line in lines[:4]] == [f"{what} {label}" for label in broken]
    assert lines[4:] == [f"vectors of model-a in {chosen.name} have more than one dimension"]


def test_a_sighting_whose_vector_is_gone_is_none(store: Store) -> None:
    filled(store)
    with store.database.writing() as connection:
        connection.execute(update(sightings).where(sightings.c.label == 3).values(vector=None))
    assert found(store) == []


@pytest.mark.parametrize(("name", "table"), [("history", changes), ("strangers' history", stranger_changes)])
def test_a_history_with_a_gap_or_without_its_end(store: Store, name: str, table: object) -> None:
    filled(store)
    chosen = changes if table is changes else stranger_changes
    with store.database.writing() as connection:
        connection.execute(delete(chosen).where(chosen.c.seq == 3))
    assert found(store) == [f"the {name} has 7 changes and its last is 8"]
    with store.database.writing() as connection:
        connection.execute(delete(chosen).where(chosen.c.seq == 8))
    assert found(store)[0] == f"the {name} ends at change 7 but 8 were counted"


def test_a_gallery_without_its_counters_or_its_id(store: Store) -> None:
    with store.database.writing() as connection:
        connection.execute(text("DELETE FROM change_counter WHERE id = 2"))
        connection.execute(insert(gallery).values(id="another"))
    assert found(store) == ["the strangers' history has no counter", "it has 2 ids and not one"]


def test_pictures_that_a_cut_off_merge_left_with_the_other(store: Store, tmp_path: Path) -> None:
    ann, anna, annie = (store.enroll(name, [template(1)]).person for name in ("Ann", "Anna", "Annie"))
    for one in (anna, annie):
        (snapshots_of(tmp_path, one.id) / "door").mkdir(parents=True)
        (snapshots_of(tmp_path, one.id) / "door" / "1.jpg").touch()
    store.merge(annie.id, anna.id)
    assert store.problems() == ()
    assert hand_over(tmp_path, anna.id, ann.id) == 2
    (line,) = store.problems()
    assert f"a merge of {anna.id} into {ann.id} was cut off; merge them again, or move it to" in line
    store.merge(anna.id, ann.id)
    assert store.problems() == ()

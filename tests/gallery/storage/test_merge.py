"""Two records of one person become one, whole or not at all, and nothing is left of the other id."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, select

from pipeline.errors import GalleryError, StoreError
from pipeline.gallery.keeping.snapshots import snapshots_of
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage import history
from pipeline.gallery.storage.hand_over import hand_over, take_back
from pipeline.gallery.storage.records import Change, ChangeKind, Merged
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import metadata, sightings, strangers
from pipeline.gallery.storage.watchlists import Watchlists
from tests.gallery.made_sightings import sighting
from tests.gallery.people import template

EARLY, LATE = datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


def mentions(store: Store, person_id: str) -> set[str]:
    """Columns that hold this id, but those of the history and of a correction that waits."""
    found = set()
    with store.database.reading() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                found |= {f"{table.name}.{name}" for name, value in row.items() if value == person_id}
    return found - {"changes.person_id", "sightings.previous_person_id"}


def test_templates_are_the_others_afterwards_one_of_each_image(store: Store) -> None:
    ann = store.enroll("Ann", [template(1), template(1, 1)]).person
    anna = store.enroll("Anna", [template(1, 2), template(1, 1), template(1, 2, "model-b", 8)]).person
    merged = store.merge(anna.id, ann.id)
    assert merged == Merged(ann, anna, 2, (4,), (), 0, 0, 0, store.version())
    assert [one.label for one in store.templates_of(ann.id)] == [1, 2, 3, 5]
    assert store.crop(3) is not None
    assert store.crop(4) is None
    assert [one.person for one in store.people()] == [ann]
    assert store.known("Anna") is store.known(anna.id) is None
    moved, removed = ChangeKind.TEMPLATE_MOVED, ChangeKind.TEMPLATE_REMOVED
    assert store.changes_since(5) == (
        Change(6, moved, ann.id, 3),
        Change(7, moved, ann.id, 4),
        Change(8, moved, ann.id, 5),
        Change(9, removed, ann.id, 4),
        Change(10, ChangeKind.WATCHLISTS_CHANGED, ann.id, None),
        Change(11, ChangeKind.PERSON_MERGED, anna.id, None),
    )
    assert mentions(store, anna.id) == set()
    assert store.problems() == ()
    assert store.enroll("Anna", [template(1, 1)]).person.id not in (ann.id, anna.id)


def test_watchlists_are_united(store: Store) -> None:
    lists = Watchlists(store.database)
    ann, anna = (store.enroll(name, [template(1)]).person for name in ("Ann", "Anna"))
    for name, of in (("staff", [ann, anna]), ("guests", [anna]), ("empty", []), ("vip", [ann])):
        lists.create(name, "to greet them")
        lists.add(name, [one.id for one in of])
    assert store.merge(anna.id, ann.id).watchlists == ("guests",)
    for name in ("staff", "guests", "vip"):
        assert [one.id for one in lists.members(name)] == [ann.id]
    assert mentions(store, anna.id) == set()


def test_the_stricter_terms_stay(store: Store) -> None:
    kept = []
    for number, (into, gone) in enumerate(
        (
            ((None, None), ("signed", LATE)),
            (("signed", EARLY), (None, LATE)),
            (("signed", LATE), ("signed", EARLY)),
            (("door only", None), ("not at work", None)),
        )
    ):
        people = []
        for name, (consent, until) in (("Ann", into), ("Anna", gone)):
            person = store.enroll(f"{name} {number}", [template(number)]).person
            people.append(store.set_person(person.id, consent=consent, retain_until=until))
        merged = store.merge(people[1].id, people[0].id).person
        kept.append((merged.consent, merged.retain_until))
        assert store.find(merged.id) == merged
    assert kept == [
        ("signed", LATE),
        ("signed", EARLY),
        ("signed", EARLY),
        ("door only; not at work", None),
    ]


def test_past_sightings_are_the_others_and_a_correction_is_due(store: Store, tmp_path: Path) -> None:
    ann, anna = (store.enroll(name, [template(1)]).person for name in ("Ann", "Anna"))
    seen = Sightings(store.database)
    picture = snapshots_of(tmp_path, anna.id) / "door" / "1.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"face")
    named = picture.relative_to(tmp_path).as_posix()
    seen.write(
        [
            replace(sighting(1, person=anna.id), snapshot=named),
            replace(sighting(2, person=anna.id), snapshot="elsewhere/2.jpg"),
            sighting(3, person=ann.id),
        ]
    )
    merged = store.merge(anna.id, ann.id)
    assert (merged.sightings, merged.snapshots) == (2, 1)
    assert not snapshots_of(tmp_path, anna.id).exists()
    with store.database.reading() as connection:
        kept = connection.execute(select(sightings).order_by(sightings.c.label)).all()
    assert {row.person_id for row in kept} == {ann.id}
    assert [row.seq - row.told_seq for row in kept] == [1, 1, 0]
    assert [(row.previous_person_id, row.previous_name) for row in kept] == [
        (anna.id, "Anna"),
        (anna.id, "Anna"),
        (None, None),
    ]
    assert (tmp_path / kept[0].snapshot).read_bytes() == b"face"
    assert kept[1].snapshot == "elsewhere/2.jpg"
    assert mentions(store, anna.id) == set()


def test_a_correction_that_waits_still_names_whom_subscribers_know(store: Store, tmp_path: Path) -> None:
    first, second, third = (store.enroll(name, [template(1)]).person for name in ("A", "B", "C"))
    picture = snapshots_of(tmp_path, first.id) / "1.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"face")
    of_first = replace(sighting(1, person=first.id), snapshot=picture.relative_to(tmp_path).as_posix())
    Sightings(store.database).write([of_first])
    assert store.merge(first.id, second.id).snapshots == 1
    assert store.merge(second.id, third.id).snapshots == 1
    with store.database.reading() as connection:
        (row,) = connection.execute(select(sightings))
        asked = [first.id, second.id, third.id, "p_0123456789ab"]
        followed = history.merged_into(connection, asked)
    assert (row.person_id, row.previous_person_id, row.previous_name) == (third.id, first.id, "A")
    assert row.seq == row.told_seq + 2
    assert (tmp_path / row.snapshot).read_bytes() == b"face"
    assert followed == {first.id: third.id, second.id: third.id}


def test_strangers_who_were_named_so_follow(store: Store) -> None:
    ann, anna = (store.enroll(name, [template(1)]).person for name in ("Ann", "Anna"))
    with store.database.writing() as connection:
        values = {"state": "named", "person_id": anna.id, "created_at": anna.created_at}
        connection.execute(strangers.insert().values(id="s_0123456789ab", **values))
    assert store.merge(anna.id, ann.id).strangers == 1
    with store.database.reading() as connection:
        assert connection.execute(select(strangers.c.person_id)).scalars().all() == [ann.id]


def test_only_two_who_are_there_can_be_merged(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    for gone, into, said in (
        (ann.id, ann.id, "merged with themselves"),
        (ann.id, "p_0123456789ab", "nobody has the id p_0123456789ab"),
        ("p_0123456789ab", ann.id, "nobody has the id p_0123456789ab"),
    ):
        with pytest.raises(GalleryError, match=said):
            store.merge(gone, into)
    assert store.version() == 1


def test_pictures_that_cannot_be_moved_stop_the_merge(store: Store, tmp_path: Path) -> None:
    ann, anna = (store.enroll(name, [template(1)]).person for name in ("Ann", "Anna"))
    snapshots_of(tmp_path, anna.id).mkdir(parents=True)
    (snapshots_of(tmp_path, anna.id) / "1.jpg").write_bytes(b"face")
    snapshots_of(tmp_path, ann.id).touch()
    with pytest.raises(StoreError, match="writable") as error:
        store.merge(anna.id, ann.id)
    assert "\n" not in str(error.value)
    assert store.known(anna.id) == anna
    assert store.version() == 2
    snapshots_of(tmp_path, ann.id).unlink()
    assert store.merge(anna.id, ann.id).snapshots == 1


@pytest.mark.parametrize("done", [False, True])
def test_a_commit_that_fails_leaves_pictures_with_their_person(
    store: Store, tmp_path: Path, done: bool
) -> None:
    """Also where it was done after all, as when a connection breaks before the answer comes."""
    ann, anna = (store.enroll(name, [template(1)]).person for name in ("Ann", "Anna"))
    picture = snapshots_of(tmp_path, anna.id) / "1.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"face")

    def fail(connection: Connection) -> None:
        event.remove(engine, "commit", fail)
        if done:
            connection.connection.commit()
        raise InterruptedError("as a connection that breaks while it commits")

    engine = store.database._opened()
    event.listen(engine, "commit", fail)
    with pytest.raises(StoreError):
        store.merge(anna.id, ann.id)
    assert (store.known(anna.id) is None) == done
    assert (
        picture if not done else snapshots_of(tmp_path, ann.id) / anna.id / "1.jpg"
    ).read_bytes() == b"face"


def test_merging_again_finishes_what_a_crash_left(store: Store, tmp_path: Path) -> None:
    ann, anna = (store.enroll(name, [template(1)]).person for name in ("Ann", "Anna"))
    snapshots_of(tmp_path, anna.id).mkdir(parents=True)
    (snapshots_of(tmp_path, anna.id) / "1.jpg").write_bytes(b"face")
    assert hand_over(tmp_path, anna.id, ann.id) == 1
    assert store.merge(anna.id, ann.id).snapshots == 0
    assert (snapshots_of(tmp_path, ann.id) / anna.id / "1.jpg").exists()


def test_taking_back_undoes_handing_over(tmp_path: Path) -> None:
    gone, into = "p_000000000001", "p_000000000002"
    assert hand_over(tmp_path, gone, into) == take_back(tmp_path, gone, into) == 0
    assert list(tmp_path.iterdir()) == []
    picture = snapshots_of(tmp_path, gone) / "a" / "1.jpg"
    picture.parent.mkdir(parents=True)
    picture.touch()
    assert hand_over(tmp_path, gone, into) == take_back(tmp_path, gone, into) == 1
    assert picture.exists()

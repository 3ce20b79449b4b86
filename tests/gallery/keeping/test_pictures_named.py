"""Which pictures show somebody: their own, and those of others who stood in front of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.gallery.keeping.backup import backup
from pipeline.gallery.keeping.backup_file import Access, connected
from pipeline.gallery.keeping.backup_manifest import files_table, verify
from pipeline.gallery.keeping.erased_pictures import ErasedPictures, print_of
from pipeline.gallery.keeping.forgetting import forget
from pipeline.gallery.keeping.pictures_named import pictures_of_runs
from pipeline.gallery.keeping.restore import restore
from pipeline.gallery.keeping.snapshots import face_of
from pipeline.gallery.sightings.sighting_records import RunOfCamera, Sighting
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.store import Store
from tests.gallery.keeping.written_pictures import write_picture
from tests.gallery.made_sightings import BEGUN, LIVE, sighting
from tests.gallery.people import template

AT = datetime(2026, 5, 2, tzinfo=UTC)


def seconds(count: float) -> datetime:
    return BEGUN + timedelta(seconds=count)


def named(number: int) -> str:
    return f"snapshots/2026-05-01/door/k3f9-{number}.jpg"


def seen(
    store: Store,
    data: Path,
    number: int,
    person: str,
    span: tuple[float, float],
    taken: float,
    *,
    run: RunOfCamera = LIVE,
    over: bool = True,
) -> Path:
    """A sighting from when to when, with a picture taken then."""
    one: Sighting = sighting(number, person=person, face_of=number, stands=False, run=run, over=over)
    one = replace(one, first_seen_at=seconds(span[0]), seen_at=seconds(span[1]), snapshot=named(number))
    Sightings(store.database).write([one])
    return write_picture(data, named(number), seconds(taken), number)


@pytest.fixture
def people(store: Store) -> tuple[str, str]:
    """Ids of Ann and Bob."""
    ann, bob = (
        store.enroll(name, [template(number)]).person.id for number, name in enumerate(("Ann", "Bob"))
    )
    return ann, bob


def test_a_frame_of_somebody_else_that_shows_them_too_goes_with_them(
    store: Store, tmp_path: Path, people: tuple[str, str]
) -> None:
    ann, bob = people
    hers = seen(store, tmp_path, 1, ann, (10.0, 15.0), 12.0)
    with_her = seen(store, tmp_path, 2, bob, (5.0, 30.0), 14.0)
    a_moment_after = seen(store, tmp_path, 3, bob, (16.0, 30.0), 16.5)
    without_her = seen(store, tmp_path, 4, bob, (5.0, 30.0), 25.0)
    later = seen(store, tmp_path, 5, bob, (40.0, 50.0), 45.0)
    elsewhere = seen(store, tmp_path, 6, bob, (10.0, 15.0), 12.0, run=RunOfCamera("yard", "77"))
    earlier_run = seen(store, tmp_path, 7, bob, (10.0, 15.0), 12.0, run=RunOfCamera("door", "film1"))
    forgotten = forget(store.database, tmp_path, ann)
    for path in (hers, with_her, a_moment_after):
        assert not path.exists()
        assert not face_of(path).exists()
    for path in (without_her, later, elsewhere, earlier_run):
        assert path.exists()
        assert face_of(path).exists()
    assert forgotten.snapshots == 6
    assert forgotten.left == ()
    assert forgotten.proved


def test_a_picture_that_may_still_become_a_better_one_goes_too(
    store: Store, tmp_path: Path, people: tuple[str, str]
) -> None:
    """The best shot of a sighting that goes on may be of a frame with her in it."""
    ann, bob = people
    seen(store, tmp_path, 1, ann, (10.0, 15.0), 12.0)
    open_one = seen(store, tmp_path, 2, bob, (5.0, 14.0), 6.0, over=False)
    heard = ErasedPictures(tmp_path)
    forget(store.database, tmp_path, ann, look=False)
    assert not open_one.exists()
    assert heard.news() == {print_of(named(1)), print_of(named(2))}


def test_a_copy_of_their_face_is_found_and_a_place_is_nobodys_trace(
    store: Store, tmp_path: Path, people: tuple[str, str]
) -> None:
    ann, bob = people
    hers = seen(store, tmp_path, 1, ann, (10.0, 15.0), 12.0)
    same_place = seen(store, tmp_path, 2, bob, (40.0, 50.0), 45.0)
    assert hers.read_bytes()[900:2500] == same_place.read_bytes()[900:2500]  # all above their faces
    copy = tmp_path / "copied.bin"
    copy.write_bytes(b"x" + face_of(hers).read_bytes())
    forgotten = forget(store.database, tmp_path, ann)
    assert [line.partition(":")[0] for line in forgotten.left] == [str(copy)]


def test_backups_lose_them_too(store: Store, tmp_path: Path, people: tuple[str, str]) -> None:
    ann, bob = people
    for number, person, taken in ((1, ann, 12.0), (2, bob, 14.0), (3, bob, 25.0)):
        seen(store, tmp_path, number, person, (5.0, 15.0 if person == ann else 30.0), taken)
    file = tmp_path / "b.backup"
    backup(store.database, tmp_path, file, AT)
    forget(store.database, tmp_path, ann, look=False)
    verify(file)
    with connected(file, Access.READ) as connection:
        left = set(connection.execute(select(files_table.c.path)).scalars())
    assert {path for path in left if path.startswith("snapshots")} == {
        named(3),
        str(face_of(Path(named(3)))),
    }


def test_a_restored_gallery_has_no_picture_of_whoever_was_forgotten_since(
    store: Store, tmp_path: Path, people: tuple[str, str]
) -> None:
    ann, bob = people
    hers = seen(store, tmp_path, 1, ann, (5.0, 15.0), 12.0)
    both = seen(store, tmp_path, 2, bob, (5.0, 30.0), 14.0)
    his = seen(store, tmp_path, 3, bob, (5.0, 30.0), 25.0)
    file, away = tmp_path / "b.backup", tmp_path / "away.backup"
    backup(store.database, tmp_path, file, AT)
    file.rename(away)  # out of reach while she is forgotten
    forget(store.database, tmp_path, ann, look=False)
    restore(store.database, tmp_path, away, AT, replace=True)
    assert [path.exists() for path in (hers, face_of(hers), both, his, face_of(his))] == [
        False,
        False,
        False,
        True,
        True,
    ]


def test_pictures_of_runs_are_those_that_their_sightings_name(
    store: Store, tmp_path: Path, people: tuple[str, str]
) -> None:
    film = RunOfCamera("door", "film1")
    path = seen(store, tmp_path, 1, people[0], (1.0, 2.0), 1.5, run=film)
    seen(store, tmp_path, 2, people[0], (1.0, 2.0), 1.5)
    assert pictures_of_runs(store.database, tmp_path, [film]) == {path}
    assert pictures_of_runs(store.database, tmp_path, []) == frozenset()


def test_what_is_written_down_names_no_picture(store: Store, tmp_path: Path, people: tuple[str, str]) -> None:
    seen(store, tmp_path, 1, people[0], (10.0, 15.0), 12.0)
    forget(store.database, tmp_path, people[0], look=False)
    assert "k3f9" not in (tmp_path / "erased_pictures").read_text()
    done = json.loads((tmp_path / "audit.jsonl").read_text().splitlines()[-1])
    assert done["erased"]["snapshots"] == 2

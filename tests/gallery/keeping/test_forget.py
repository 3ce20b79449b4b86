"""Forgetting leaves nothing: no row, no file, and no bytes in the free pages or the log of the database."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

import pipeline.gallery.storage.database as database
from pipeline.errors import GalleryError, StoreError
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.keeping.backup import backup
from pipeline.gallery.keeping.backup_manifest import verify
from pipeline.gallery.keeping.erasing import Whom, rows_left
from pipeline.gallery.keeping.forgetting import forget, forget_stranger, was_forgotten
from pipeline.gallery.keeping.known_backups import known_backups
from pipeline.gallery.keeping.snapshots import erase_snapshots, snapshots_of
from pipeline.gallery.sightings.sighting_records import StrangerChangeKind
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import people
from tests.gallery.made_sightings import sighting
from tests.gallery.people import MODEL, template
from tests.gallery.whole import fill, picture

NAME = "Ermintrude Unforgettable"
AT = datetime(2026, 5, 1, 9, tzinfo=UTC)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Store]:
    """A gallery in SQLite, for what no database has a part in."""
    with Store(tmp_path) as opened:
        yield opened


def all_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def traces(name: str, given: list[NewTemplate]) -> list[bytes]:
    found = [name.encode()]
    for one in given:
        assert one.crop is not None
        vector = one.vector.tobytes()
        found += [vector[:24], vector[-24:], one.crop.png[:24], one.crop.png[-24:], one.source.encode()]
        found.append(one.image_sha256.encode())
    return found


def audit_lines(data: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (data / "audit.jsonl").read_text().splitlines()]


def test_forgetting_erases_everything_of_a_person_and_proves_it(store: Store, tmp_path: Path) -> None:
    filled = fill(store, tmp_path)
    aliases = [change.person_id for change in store.changes_since(0) if change.kind == "person_merged"]
    file = tmp_path / "b.backup"
    backup(store.database, tmp_path, file, AT)
    forgotten = forget(store.database, tmp_path, filled.ann.id)
    assert (forgotten.id, forgotten.name) == (filled.ann.id, "Ann")
    kept = (forgotten.templates, forgotten.crops, forgotten.sightings, forgotten.strangers)
    assert kept[2:] == (2, 1)
    assert kept[0] >= 3
    assert (forgotten.watchlists, forgotten.snapshots) == (1, 2)
    assert forgotten.backups.cleaned == (file,)
    assert forgotten.proof is not None
    assert forgotten.proof.files >= 5 if (tmp_path / "gallery.db").exists() else forgotten.proof.unseen
    assert forgotten.proved
    assert forgotten.left == ()
    everyone = Whom(frozenset({filled.ann.id, *aliases}), frozenset({filled.was_ann}))
    with store.database.reading() as connection:
        assert rows_left(connection, everyone) == ()
    assert verify(file).contents["people"].rows == 1
    assert [one.person.name for one in store.people()] == ["Bob"]
    assert store.problems() == ()
    begun, done = [line for line in audit_lines(tmp_path) if line["what"] == "forget"]
    assert (begun["step"], done["step"], done["proved"], done["left"]) == ("begun", "done", True, [])
    assert done["also"] == sorted([*aliases, filled.was_ann])
    assert done["erased"]["sightings"] == 2
    assert "Ann" not in (tmp_path / "audit.jsonl").read_text()


def test_a_search_does_not_find_them_any_more(plain: Store, tmp_path: Path) -> None:
    filled = fill(plain, tmp_path)
    theirs = plain.templates_of(filled.ann.id)
    forget(plain.database, tmp_path, filled.ann.id)
    contents = plain.contents(MODEL)
    index = ExactIndex(contents.vectors.shape[1])
    index.add(contents.labels, contents.vectors)
    found = index.search(np.stack([one.vector for one in theirs]), 1)
    assert not set(found.labels.ravel().tolist()) & {one.label for one in theirs}
    assert (found.distances > 0.5).all()


def test_no_bytes_of_a_forgotten_person_stay_while_others_come_and_go(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    with Store(tmp_path) as store:
        alive: dict[str, tuple[str, list[NewTemplate]]] = {}
        for number in range(60):
            name = f"{NAME} {number} " + "x" * int(rng.integers(1, 80))
            given = [template(number, shot, dimension=512) for shot in range(int(rng.integers(1, 4)))]
            alive[store.enroll(name, given).person.id] = (name, given)
            if number % 3 == 2:
                gone = list(alive)[int(rng.integers(len(alive)))]
                name, given = alive.pop(gone)
                assert traces(name, given)[0] in all_bytes(tmp_path)
                assert store.forget(gone).traceless
                assert not any(trace in all_bytes(tmp_path) for trace in traces(name, given))
        assert store.problems() == ()
        for person, (_, given) in alive.items():
            kept = store.templates_of(person)
            assert [one.vector.tobytes() for one in kept] == [one.vector.tobytes() for one in given]


def test_no_bytes_of_an_old_name_stay(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        person = store.enroll(NAME, [template(1)]).person
        store.rename(person.id, "Ann")
        assert NAME.encode() not in all_bytes(tmp_path)


def test_a_copy_that_nobody_knew_of_is_found(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        ann = store.enroll("Ann", [template(1, dimension=512)]).person
        copy = tmp_path / "evaluation" / "copy.bin"
        copy.parent.mkdir()
        copy.write_bytes(b"odd" + template(1, dimension=512).vector.tobytes()[300:900])
        forgotten = forget(store.database, tmp_path, ann.id)
    assert not forgotten.proved
    (line,) = forgotten.left
    assert line.startswith(f"{copy}: has bytes of their vectors or pictures")
    assert audit_lines(tmp_path)[-1]["proved"] is False


def test_the_same_photo_under_two_names_is_found(plain: Store, tmp_path: Path) -> None:
    ann = plain.enroll("Ann", [template(1)]).person
    twin = plain.enroll("Anna", [template(1)]).person
    left = forget(plain.database, tmp_path, ann.id).left
    assert any(f"of {twin.id} has the very same vector" in line for line in left)


def test_a_backup_out_of_reach_is_made_up_for(store: Store, tmp_path: Path) -> None:
    ann = store.enroll("Ann", [template(1, dimension=512)]).person
    bob = store.enroll("Bob", [template(2, dimension=512)]).person
    folder, away = tmp_path / "disk", tmp_path.with_name(f"{tmp_path.name}-away")
    folder.mkdir()
    backup(store.database, tmp_path, folder / "b.backup", AT)
    shutil.move(folder, away)
    for _ in range(2):
        forgotten = forget(store.database, tmp_path, ann.id)
        (line,) = forgotten.left
        assert line.startswith(f"{folder / 'b.backup'}: there is no such file")
        assert not forgotten.proved
    shutil.move(away, folder)
    assert was_forgotten(store.database, ann.id)
    again = forget(store.database, tmp_path, ann.id)
    assert (again.name, again.templates, again.backups.cleaned) == (None, 0, (folder / "b.backup",))
    assert again.proved
    assert template(1, dimension=512).vector.tobytes()[:24] not in (folder / "b.backup").read_bytes()
    assert verify(folder / "b.backup").contents["people"].rows == 1
    assert forget(store.database, tmp_path, bob.id).proved


def test_a_backup_that_is_a_folder_now_or_spoiled_is_named(plain: Store, tmp_path: Path) -> None:
    ann = plain.enroll("Ann", [template(1)]).person
    for name in ("a", "b"):
        backup(plain.database, tmp_path, tmp_path / name, AT)
    (tmp_path / "a").unlink()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").write_bytes(b"no database" * 1000)
    left = plain.forget(ann.id).left
    assert [line.split(";")[0] for line in left] == [
        f"{tmp_path / 'a'}: is no file",
        f"{tmp_path / 'b'}: is no backup of Facestream",
    ]
    with plain.database.reading() as connection:
        assert len(known_backups(connection)) == 2


def test_a_stranger_is_forgotten_with_whom_was_merged_into_them(store: Store, tmp_path: Path) -> None:
    filled = fill(store, tmp_path)
    before = Strangers(store.database).version()
    forgotten = forget_stranger(store.database, tmp_path, filled.stranger)
    assert (forgotten.sightings, forgotten.strangers) == (2, 2)
    assert forgotten.proved
    strangers = Strangers(store.database)
    assert filled.stranger not in strangers.known(MODEL).stranger_ids
    assert [each.kind for each in strangers.changes_since(before)].count(
        StrangerChangeKind.VECTOR_REMOVED
    ) == 2
    assert audit_lines(tmp_path)[-1]["stranger"] == filled.stranger
    with pytest.raises(GalleryError, match="no stranger has the id"):
        forget_stranger(store.database, tmp_path, filled.stranger)
    with pytest.raises(GalleryError, match="has a name by now"):
        forget_stranger(store.database, tmp_path, filled.was_ann)


def test_a_name_that_a_correction_still_has_to_take_back_is_erased(store: Store, tmp_path: Path) -> None:
    bob = store.enroll("Bob", [template(2)]).person
    ann = store.enroll("Ann", [template(1)]).person
    Sightings(store.database).write([sighting(1, person=ann.id, face_of=2, stands=False)])
    store.merge(ann.id, bob.id)
    carol = store.enroll("Carol", [template(3)]).person
    store.merge(bob.id, carol.id)
    forget(store.database, tmp_path, carol.id)
    with store.database.reading() as connection:
        assert rows_left(connection, Whom(frozenset({ann.id, bob.id, carol.id}))) == ()


def test_nothing_is_erased_where_it_cannot_be_written_down(plain: Store, tmp_path: Path) -> None:
    ann = plain.enroll("Ann", [template(1)]).person
    kept = picture(tmp_path, f"snapshots/{ann.id}/1.jpg")
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(StoreError, match=r"audit.jsonl: is a directory; what is erased must be written down"):
        plain.forget(ann.id)
    assert plain.known("Ann") == ann
    assert kept.exists()


def test_one_that_was_stopped_is_finished_by_forgetting_again(
    make_store: Callable[[], Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_store() as store:
        filled = fill(store, tmp_path)
        file = tmp_path / "b.backup"
        backup(store.database, tmp_path, file, AT)

        def stop(data: Path, labels: object, past: bool) -> int:
            raise KeyboardInterrupt

        index = tmp_path / "index" / "model-a-hnsw" / "000000000001-abcdef"
        index.mkdir(parents=True)
        with monkeypatch.context() as patch:
            patch.setattr("pipeline.gallery.keeping.forgetting.wipe_snapshots", stop)
            with pytest.raises(KeyboardInterrupt):
                forget(store.database, tmp_path, filled.ann.id)
        assert verify(file).contents["people"].rows == 2
        assert index.exists()
        again = forget(store.database, tmp_path, filled.ann.id)
        assert not index.exists()
        assert again.backups.cleaned == (file,)
        assert again.proved
        assert verify(file).contents["strangers"].rows == 3  # without the one who turned out to be Ann


def test_a_reader_that_keeps_old_pages_alive_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with Store(tmp_path) as store:
        ann = store.enroll("Ann", [template(1)]).person
        reader = sqlite3.connect(tmp_path / "gallery.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM people").fetchall()
        forgotten = store.forget(ann.id)
        assert not forgotten.traceless
        assert "until that program ends" in forgotten.left[0]
        assert store.known("Ann") is None
        reader.close()


def test_writers_do_not_wait_for_a_log_that_a_reader_keeps(tmp_path: Path) -> None:
    with Store(tmp_path) as store, Store(tmp_path) as writer:
        ann = store.enroll("Ann", [template(1)]).person
        with store.database.reading() as reader:
            assert reader.execute(select(people)).all()
            renaming = Thread(target=store.rename, args=(ann.id, "Anna"))
            renaming.start()
            while writer.known("Anna") is None:
                renaming.join(0.01)
                assert renaming.is_alive()
            began = time.monotonic()
            writer.enroll("Bob", [template(2)])
            assert time.monotonic() - began < database.BUSY_TIMEOUT_S / 2
            assert renaming.is_alive()
        renaming.join()


def test_snapshots_are_only_looked_for_under_ids(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a person's id"):
        snapshots_of(tmp_path, "../..")
    assert erase_snapshots(tmp_path, "p_0123456789ab") == 0


def test_an_unknown_person_cannot_be_forgotten(tmp_path: Path) -> None:
    with Store(tmp_path) as store, pytest.raises(GalleryError, match="nobody has the id"):
        store.forget("p_0123456789ab")

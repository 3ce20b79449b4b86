"""What was backed up comes back, all or nothing, in either database, and nobody comes back who was forgotten."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, table

from pipeline.errors import GalleryError, StoreError
from pipeline.gallery.keeping.backup import backup
from pipeline.gallery.keeping.backup_file import Access, connected
from pipeline.gallery.keeping.backup_manifest import counted, files_table, read_manifest, write_manifest
from pipeline.gallery.keeping.known_backups import known_backups
from pipeline.gallery.keeping.restore import restore
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import gallery
from tests.gallery.made_sightings import sighting
from tests.gallery.people import template
from tests.gallery.whole import fill, next_label, picture, rows_of

ROOT = Path(__file__).resolve().parents[3]
AT = datetime(2026, 5, 1, 9, tzinfo=UTC)


def gallery_id(store: Store) -> str:
    with store.database.reading() as connection:
        return str(connection.execute(select(gallery.c.id)).scalar_one())


def files_of(data: Path) -> dict[str, bytes]:
    found = [path for name in ("snapshots", "strangers") for path in sorted((data / name).rglob("*"))]
    return {str(path.relative_to(data)): path.read_bytes() for path in found if path.is_file()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "b.backup"


def test_everything_comes_back_in_either_database(store: Store, tmp_path: Path, file: Path) -> None:
    """From each database into SQLite, and from there back into each."""
    fill(store, tmp_path)
    before, pictures = rows_of(store.database), files_of(tmp_path)
    assert all(before[name] for name in before)
    backup(store.database, tmp_path, file, AT)
    with Store(tmp_path / "other") as other:
        done = restore(other.database, tmp_path / "other", file, AT)
        assert rows_of(other.database) == before
        assert files_of(tmp_path / "other") == pictures
        assert (done.version, done.files, done.forgotten) == (store.version(), len(pictures), 0)
        assert other.problems() == ()
        second = file.with_name("second")
        backup(other.database, tmp_path / "other", second, AT)
    store.enroll("Carol", [template(7)])
    Sightings(store.database).write([sighting(50, face_of=50)])
    picture(tmp_path, "snapshots/door/new.jpg")
    restore(store.database, tmp_path, second, AT, replace=True)
    assert rows_of(store.database) == before
    assert files_of(tmp_path) == pictures
    assert store.problems() == ()


def test_labels_go_on_above_those_that_were_given(store: Store, tmp_path: Path, file: Path) -> None:
    fill(store, tmp_path)
    last = store.forget(store.enroll("Dan", [template(8)]).person.id)
    assert last.templates == 1  # the last label is given and gone
    backup(store.database, tmp_path, file, AT)
    with Store(tmp_path / "other") as other:
        restore(other.database, tmp_path / "other", file, AT)
        expected = next_label(store)
        assert next_label(other) == expected
        Sightings(other.database).write([sighting(60, face_of=60)])
    store.enroll("Eve", [template(70)])
    restore(store.database, tmp_path, file, AT, replace=True)
    assert next_label(store) == expected + 2  # neither Next's nor Eve's is given again


def test_a_restored_gallery_is_another(store: Store, tmp_path: Path, file: Path) -> None:
    store.enroll("Ann", [template(1)])
    before = gallery_id(store)
    backup(store.database, tmp_path, file, AT)
    (tmp_path / "index" / "model-a-hnsw" / "000000000001-abcdef").mkdir(parents=True)
    restore(store.database, tmp_path, file, AT, replace=True)
    assert gallery_id(store) != before
    assert not list((tmp_path / "index" / "model-a-hnsw").iterdir())
    with store.database.reading() as connection:
        assert [each.path for each in known_backups(connection)] == [file]


def test_backups_that_were_known_stay_so(store: Store, tmp_path: Path, file: Path) -> None:
    backup(store.database, tmp_path, file, AT)
    later = file.with_name("c.backup")
    backup(store.database, tmp_path, later, AT)
    restore(store.database, tmp_path, file, AT, replace=True)
    with store.database.reading() as connection:
        assert [each.path for each in known_backups(connection)] == [file, later]


def test_a_gallery_that_is_not_empty_is_not_touched(store: Store, tmp_path: Path, file: Path) -> None:
    fill(store, tmp_path)
    backup(store.database, tmp_path, file, AT)
    store.enroll("Carol", [template(7)])
    before = rows_of(store.database)
    with pytest.raises(GalleryError, match=r"not empty.*--force"):
        restore(store.database, tmp_path, file, AT)
    assert rows_of(store.database) == before


def test_a_damaged_backup_changes_nothing(store: Store, tmp_path: Path, file: Path) -> None:
    fill(store, tmp_path)
    backup(store.database, tmp_path, file, AT)
    file.write_bytes(file.read_bytes()[:-4096])
    before = rows_of(store.database)
    with pytest.raises(GalleryError, match="is damaged"):
        restore(store.database, tmp_path, file, AT, replace=True)
    assert rows_of(store.database) == before
    assert not (tmp_path / ".restore.part").exists()


def test_nobody_comes_back_who_was_forgotten(store: Store, tmp_path: Path, file: Path) -> None:
    filled = fill(store, tmp_path)
    backup(store.database, tmp_path, file, AT)
    hidden = file.rename(file.with_name("moved"))  # out of the gallery's sight
    (left,) = store.forget(filled.ann.id).left
    assert left.startswith(f"{file}: there is no such file")
    done = restore(store.database, tmp_path, hidden, AT, replace=True)
    assert done.forgotten == 2  # Ann, and the stranger who turned out to be her
    assert [one.person.name for one in store.people()] == ["Bob"]
    assert not list((tmp_path / "snapshots" / filled.ann.id).glob("*"))
    assert not (tmp_path / "snapshots" / "door" / "1.jpg").exists()
    assert (tmp_path / "snapshots" / "door" / "2.jpg").exists()
    assert store.problems() == ()


def test_a_disk_that_is_full_after_the_rows_are_in_is_told_of(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(tmp_path / "a") as store:
        store.enroll("Ann", [template(1)])
        backup(store.database, tmp_path / "a", file, AT)

    def full(self: Database) -> bool:
        raise StoreError("the disk is full")

    monkeypatch.setattr(Database, "wipe_log", full)
    with Store(tmp_path / "b") as store:
        assert restore(store.database, tmp_path / "b", file, AT).left == ("the disk is full",)
        assert store.known("Ann") is not None
        with pytest.raises(StoreError, match=r"the disk is full; they are erased .* run people forget p_"):
            store.forget(store.find("Ann").id)


def test_a_backup_of_an_older_schema_is_brought_here(tmp_path: Path, file: Path) -> None:
    """A schema 1 backup, as a Facestream of that time would have written it."""
    with Store(tmp_path / "a") as store:
        store.enroll("Ann", [template(1)])
        backup(store.database, tmp_path / "a", file, AT)
        before = rows_of(store.database)
    connection = sqlite3.connect(file)
    later = (
        "memberships",
        "watchlists",
        "sightings",
        "strangers",
        "stranger_changes",
        "backups",
        "gallery",
        "serving",
    )
    for name in later:
        connection.execute(f"DROP TABLE {name}")
        connection.execute("DELETE FROM backup_contents WHERE name = ?", (name,))
    connection.execute("DELETE FROM change_counter WHERE id = 2")
    connection.execute("UPDATE schema_version SET version = 1")
    connection.execute("UPDATE backup_manifest SET schema = 1")
    connection.commit()
    connection.close()
    recount(file)
    with Store(tmp_path / "b") as other:
        restore(other.database, tmp_path / "b", file, AT)
        assert rows_of(other.database) == before
    assert not (tmp_path / "b" / ".restore.part").exists()


def recount(file: Path) -> None:
    """Make a changed backup's manifest true."""
    with connected(file, Access.CHANGE) as connection:
        manifest = read_manifest(connection, file)
        found = {name: counted(connection, table(name)) for name in manifest.contents}
        write_manifest(connection, replace(manifest, contents=found))


@pytest.mark.parametrize("name", ["../gone.jpg", "/gone.jpg", "gallery.db", "snapshots/../../gone.jpg"])
def test_a_backup_writes_nowhere_else(tmp_path: Path, file: Path, name: str) -> None:
    with Store(tmp_path / "a") as store:
        backup(store.database, tmp_path / "a", file, AT)
    with connected(file, Access.CHANGE) as connection:
        values = {"path": name, "modified_ns": 0, "bytes": 1, "sha256": "", "content": b"x"}
        connection.execute(files_table.insert().values(values))
    recount(file)
    with Store(tmp_path / "b") as other:
        with pytest.raises(GalleryError, match="which no backup has"):
            restore(other.database, tmp_path / "b", file, AT)
        assert other.version() == 0
    assert not (tmp_path / "gone.jpg").exists()


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from pipeline.gallery.keeping.backup import backup
from pipeline.gallery.keeping.restore import restore
from pipeline.gallery.storage.store import Store

data, file, what, step = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
at = datetime(2026, 5, 1, 9, tzinfo=UTC)

def kill(said, done, total):
    global step
    step -= 1
    if step == 0:
        os.kill(os.getpid(), signal.SIGKILL)

with Store(data) as store:
    if what == "backup":
        backup(store.database, data, file, at, on_progress=kill)
    else:
        restore(store.database, data, file, at, replace=True, on_progress=kill)
"""


def killed(data: Path, file: Path, what: str, step: int) -> bool:
    """Whether the program was killed, and did not end before that step."""
    arguments = [sys.executable, "-c", KILLED, str(data), str(file), what, str(step)]
    return subprocess.run(arguments, cwd=ROOT, check=False).returncode == -signal.SIGKILL


def test_a_killed_backup_leaves_the_gallery_and_no_backup(tmp_path: Path, file: Path) -> None:
    with Store(tmp_path) as store:
        fill(store, tmp_path)
        before = rows_of(store.database)
    for step in (3, 22):
        assert killed(tmp_path, file, "backup", step)
        assert not file.exists()
    with Store(tmp_path) as store:
        assert rows_of(store.database) == before
        ann = store.find("Ann")
        forgotten = store.forget(ann.id)  # what the killed one left is found, and deleted
        assert not list(file.parent.iterdir())
        assert not forgotten.left
        assert backup(store.database, tmp_path, file, AT).rows


def test_a_killed_restore_leaves_the_old_gallery(tmp_path: Path, file: Path) -> None:
    with Store(tmp_path / "a") as store:
        fill(store, tmp_path / "a")
        backup(store.database, tmp_path / "a", file, AT)
        wanted = rows_of(store.database)
    with Store(tmp_path / "b") as store:
        store.enroll("Carol", [template(7)])
        before = rows_of(store.database)
    for step in (16, 24):
        assert killed(tmp_path / "b", file, "restore", step)
        with Store(tmp_path / "b") as store:
            assert rows_of(store.database) == before
            assert store.problems() == ()
    with Store(tmp_path / "b") as store:
        restore(store.database, tmp_path / "b", file, AT, replace=True)
        assert rows_of(store.database) == wanted

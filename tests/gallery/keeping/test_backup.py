"""A backup is the gallery at one version, in one file that others may rely on."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from pipeline.errors import GalleryError, StoreError
from pipeline.gallery.keeping.audit import AuditLine, note
from pipeline.gallery.keeping.backup import backup
from pipeline.gallery.keeping.backup_erasing import erase_from
from pipeline.gallery.keeping.backup_file import Access, connected
from pipeline.gallery.keeping.backup_manifest import files_table, verify
from pipeline.gallery.keeping.erasing import Whom
from pipeline.gallery.keeping.known_backups import KnownBackup, forgotten, known_backups, part_of
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import people, templates
from tests.gallery.people import template
from tests.gallery.whole import fill

AT = datetime(2026, 5, 1, 9, tzinfo=UTC)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Store]:
    """A gallery in SQLite, for what no database has a part in."""
    with Store(tmp_path) as opened:
        yield opened


def known(store: Store) -> tuple[KnownBackup, ...]:
    with store.database.reading() as connection:
        return known_backups(connection)


def test_a_backup_says_what_it_holds_and_is_known(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    file = tmp_path / "b.backup"
    done = backup(store.database, tmp_path, file, AT)
    assert (done.path, done.version, done.files) == (file, store.version(), 4)
    assert done.bytes == file.stat().st_size
    assert file.stat().st_mode & 0o777 == 0o600
    assert known(store) == (KnownBackup(file, AT, store.version()),)
    manifest = verify(file)
    assert (manifest.version, manifest.created_at) == (store.version(), AT)
    assert manifest.contents["templates"].rows == len(store.contents("model-a").labels)
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))
    assert '"what": "backup"' in (tmp_path / "audit.jsonl").read_text()
    with connected(file, Access.READ) as connection:
        kept = set(connection.execute(select(files_table.c.path)).scalars())
    assert kept >= {"snapshots/door/1.jpg", "strangers/model-a.json"}


def test_what_is_in_the_way_stays(plain: Store, tmp_path: Path) -> None:
    taken = tmp_path / "notes.txt"
    taken.write_text("mine")
    for replace in (False, True):
        with pytest.raises(GalleryError, match=r"is there already|is no backup"):
            backup(plain.database, tmp_path, taken, AT, replace=replace)
    assert taken.read_text() == "mine"
    with pytest.raises(GalleryError, match="is a folder"):
        backup(plain.database, tmp_path, tmp_path, AT)
    with pytest.raises(GalleryError, match="make it first"):
        backup(plain.database, tmp_path, tmp_path / "missing" / "b", AT)
    assert known(plain) == ()


def test_force_replaces_a_backup_and_not_the_gallery(plain: Store, tmp_path: Path) -> None:
    file = tmp_path / "b.backup"
    backup(plain.database, tmp_path, file, AT)
    plain.enroll("Ann", [template(1)])
    with pytest.raises(GalleryError, match="give --force"):
        backup(plain.database, tmp_path, file, AT)
    assert backup(plain.database, tmp_path, file, AT, replace=True).version == 1
    assert [each.version for each in known(plain)] == [1]
    theirs = tmp_path / "other" / "gallery.db"
    with Store(theirs.parent) as other, pytest.raises(GalleryError, match="is no backup"):
        backup(other.database, tmp_path, theirs, AT, replace=True)


def test_two_backups_of_one_name_do_not_meet(plain: Store, tmp_path: Path) -> None:
    file = tmp_path / "b.backup"
    part = part_of(file)
    descriptor = os.open(part, os.O_CREAT | os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(StoreError, match="another program is writing this backup"):
        backup(plain.database, tmp_path, file, AT)
    os.close(descriptor)
    part.write_bytes(b"left by one that was killed")
    assert backup(plain.database, tmp_path, file, AT).rows


def test_a_backup_that_fails_leaves_nothing(plain: Store, tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    folder.mkdir()
    (folder / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(StoreError, match="make it readable"):
        backup(plain.database, tmp_path, tmp_path / "b.backup", AT)
    assert known(plain) == ()
    assert not [path for path in tmp_path.iterdir() if "b.backup" in path.name]


def test_a_backup_is_one_version_while_others_write(make_store: Callable[[], Store], tmp_path: Path) -> None:
    """Each person has two templates; in no backup has anybody one."""
    stop = threading.Event()
    begun = threading.Event()

    def write() -> None:
        with make_store() as writer:
            for number in range(100_000):
                writer.enroll(f"Person {number}", [template(number), template(number, 1)])
                begun.set()
                if stop.is_set():
                    return

    with make_store() as store:
        thread = threading.Thread(target=write)
        thread.start()
        try:
            assert begun.wait(20)
            for number in range(2):
                file = tmp_path / f"{number}.backup"
                done = backup(store.database, tmp_path, file, AT)
                with connected(file, Access.READ) as connection:
                    owners = connection.execute(select(templates.c.person_id)).scalars().all()
                    everybody = set(connection.execute(select(people.c.id)).scalars())
                assert {owner: owners.count(owner) for owner in everybody} == dict.fromkeys(everybody, 2)
                assert done.version == len(owners)
        finally:
            stop.set()
            thread.join()


def test_somebody_forgotten_while_it_is_written_is_not_in_it(
    make_store: Callable[[], Store], tmp_path: Path
) -> None:
    file = tmp_path / "b.backup"
    with make_store() as store, make_store() as other:
        ann = store.enroll("Ann", [template(1)]).person
        store.enroll("Bob", [template(2)])
        done: list[bool] = []

        def forget_now(what: str, at: int, total: int) -> None:
            if what == "checking" and not done:  # all rows are copied by now
                done.append(True)
                assert not other.forget(ann.id).left
                assert part_of(file).exists()

        backup(store.database, tmp_path, file, AT, on_progress=forget_now)
        assert done
        assert verify(file).contents["people"].rows == 1
        vector = template(1).vector.tobytes()
        assert vector[:24] not in file.read_bytes()


def test_damage_is_found(plain: Store, tmp_path: Path) -> None:
    fill(plain, tmp_path)
    file = tmp_path / "b.backup"
    backup(plain.database, tmp_path, file, AT)
    whole = file.read_bytes()
    vector = template(2).vector.tobytes()
    place = whole.index(vector[:64])
    for damaged in (
        whole[: len(whole) // 2],
        whole[: len(whole) - 5000],
        whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :],
        b"SQLite format 3\x00" + bytes(5000),
    ):
        file.write_bytes(damaged)
        with pytest.raises(GalleryError, match=r"is damaged|is no backup"):
            verify(file)


def test_what_is_no_backup_is_one_line(tmp_path: Path) -> None:
    for name, content in (("text", b"no database" * 1000), ("empty", b"")):
        (tmp_path / name).write_bytes(content)
    sqlite3.connect(tmp_path / "foreign").execute("CREATE TABLE t (x)").connection.close()
    for name in ("text", "empty", "foreign"):
        with pytest.raises(GalleryError, match="is no backup of Facestream"):
            verify(tmp_path / name)
    with pytest.raises(GalleryError, match="no such file"):
        verify(tmp_path / "missing")
    with pytest.raises(GalleryError, match="is no file"):
        verify(tmp_path)


def test_a_newer_backup_and_one_with_a_spoiled_manifest_are_refused(plain: Store, tmp_path: Path) -> None:
    file = tmp_path / "b.backup"
    for change, said in (
        ("UPDATE backup_manifest SET schema = 999", "update Facestream"),
        ("DELETE FROM backup_manifest", "never finished"),
        ("UPDATE backup_contents SET sum = 'none'", "manifest cannot be read"),
        ("DROP TABLE backup_contents", "manifest cannot be read"),
    ):
        backup(plain.database, tmp_path, file, AT, replace=file.exists() and "schema" not in said)
        connection = sqlite3.connect(file)
        connection.execute(change)
        connection.commit()
        connection.close()
        with pytest.raises(GalleryError, match=said):
            verify(file)
        file.unlink()


def test_erasing_from_a_backup_keeps_it_sound(plain: Store, tmp_path: Path) -> None:
    filled = fill(plain, tmp_path)
    file = tmp_path / "b.backup"
    backup(plain.database, tmp_path, file, AT)
    erased = erase_from(file, Whom(frozenset({filled.ann.id}), frozenset()))
    assert (erased["people"], erased["pictures"], erased["strangers"]) == (1, 2, 1)
    manifest = verify(file)
    assert manifest.contents["people"].rows == 1
    assert manifest.contents["templates"].rows == 2
    for number in range(2):
        assert template(1, number).vector.tobytes()[:24] not in file.read_bytes()
    assert erase_from(file, Whom(frozenset({filled.ann.id}))) == {}


def test_a_stranger_who_came_back_since_stays_in_a_younger_backup(store: Store, tmp_path: Path) -> None:
    """A replay gives a stranger's id again; a person's is never given twice."""
    line = AuditLine("forget", stranger="s_0123456789ab", also=("p_0123456789ab",))
    note(tmp_path, line, AT)
    with store.database.reading() as connection:
        older, younger = (forgotten(connection, tmp_path, AT + timedelta(hours=hours)) for hours in (-1, 1))
    people_gone = frozenset({"p_0123456789ab"})
    assert older == Whom(people_gone, frozenset({"s_0123456789ab"}))
    assert younger == Whom(people_gone)

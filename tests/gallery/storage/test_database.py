"""Databases that are damaged, foreign, newer, locked, full or read-only get one line that says how to repair."""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

import pipeline.gallery.storage.database as database
from pipeline.errors import FacestreamError, GalleryError, StoreError
from pipeline.gallery.storage.store import Store
from tests.gallery.people import MODEL, template

NOBODY = 65534

GALLERIES = 8
"""begun by several processes at once, one after the other"""


def message(error: FacestreamError) -> str:
    text = str(error)
    assert "\n" not in text
    assert "gallery.db" in text
    return text


def raw(data: Path) -> sqlite3.Connection:
    return sqlite3.connect(data / "gallery.db", isolation_level=None)


@contextmanager
def as_user(uid: int) -> Iterator[None]:
    """Run as another user for a moment: root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder whose parents every user may enter, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def fill(data: Path) -> None:
    with Store(data) as store:
        store.enroll("Ann", [template(1, shot, dimension=512) for shot in range(20)])


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    with Store(tmp_path / "new" / "folder") as store:
        store.enroll("Ann", [template(1)])
        for path in (tmp_path / "new" / "folder").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_it_is_kept_as_promised(tmp_path: Path) -> None:
    with Store(tmp_path) as store, store.database.reading() as connection:
        for pragma, value in (
            ("journal_mode", "wal"),
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("secure_delete", 1),
            ("busy_timeout", 10_000),
        ):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value, pragma


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "gallery.db").write_bytes(b"\x89PNG" * 1000)
    with pytest.raises(StoreError, match="no SQLite database") as error:
        Store(tmp_path).open()
    message(error.value)
    assert (tmp_path / "gallery.db").read_bytes() == b"\x89PNG" * 1000


def test_an_empty_file_becomes_a_gallery_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "gallery.db").touch()
    with caplog.at_level(logging.INFO), Store(tmp_path) as store:
        assert store.people() == ()
    assert "began a new gallery" in caplog.text


@pytest.mark.parametrize("size", [50, 4096, 9000, 30_000])
def test_a_truncated_file_is_called_damaged_and_never_read_as_empty(tmp_path: Path, size: int) -> None:
    fill(tmp_path)
    path = tmp_path / "gallery.db"
    assert path.stat().st_size > 60_000
    os.truncate(path, size)
    with pytest.raises(StoreError, match=r"damaged|no SQLite database") as error, Store(tmp_path) as store:
        store.contents(MODEL)
    message(error.value)


def test_problems_tell_of_a_truncated_file(tmp_path: Path) -> None:
    fill(tmp_path)
    with Store(tmp_path) as store:
        os.truncate(tmp_path / "gallery.db", 30_000)
        (problem,) = store.problems()
    assert "damaged" in problem


def test_problems_tell_of_damaged_vectors_orphans_and_a_wrong_counter(tmp_path: Path) -> None:
    fill(tmp_path)
    with closing(raw(tmp_path)) as connection:
        connection.execute("UPDATE templates SET vector = zeroblob(2048) WHERE label = 3")
        connection.execute("UPDATE templates SET vector = x'0102' WHERE label = 4")
        connection.execute("UPDATE templates SET person_id = 'p_gone' WHERE label = 5")
        connection.execute("UPDATE change_counter SET seq = 7")
    with Store(tmp_path) as store:
        problems = "\n".join(store.problems())
        with pytest.raises(StoreError, match="damaged templates"):
            store.contents(MODEL)
    assert "template 3 is damaged: vector must have length 1" in problems
    assert "template 4 is damaged" in problems
    assert "1 rows belong to nothing" in problems
    assert "the history ends at change 20 but 7 were counted" in problems


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    with closing(raw(tmp_path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(GalleryError, match="a database of something else") as error:
        Store(tmp_path).open()
    message(error.value)
    with closing(raw(tmp_path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def test_a_newer_gallery_is_not_touched(tmp_path: Path) -> None:
    fill(tmp_path)
    with closing(raw(tmp_path)) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    with pytest.raises(
        GalleryError, match=r"newer Facestream \(schema 99, this one reads 4\); update"
    ) as error:
        Store(tmp_path).open()
    message(error.value)


def test_a_lock_that_stays_is_reported_and_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with Store(tmp_path) as store, closing(raw(tmp_path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program is writing") as error:
            store.enroll("Bob", [template(2, dimension=512)])
        message(error.value)
        assert len(store.people()) == 1
        other.execute("ROLLBACK")
        store.enroll("Bob", [template(2, dimension=512)])
        assert len(store.people()) == 2


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    fill(tmp_path)
    with Store(tmp_path) as store:
        # SQLite's own limit on pages answers exactly as a full disk does. It holds for one connection, which the
        # pool gives out again.
        with store.database.reading() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")
        with pytest.raises(StoreError, match="the disk is full") as error:
            store.enroll("Bob", [template(2, shot, dimension=512) for shot in range(50)])
        message(error.value)
        assert [(one.person.name, one.templates) for one in store.people()] == [("Ann", 20)]
        assert store.version() == 20


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """What a quota does: no file of this process grows beyond this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_no_more_keeps_what_was_there_and_is_written_again_later(tmp_path: Path) -> None:
    """Stopped at every place: in the log, in the database, and after parts of a transaction were written."""
    with Store(tmp_path) as store:
        store.enroll("Ann", [template(1)])
        largest = max(path.stat().st_size for path in tmp_path.iterdir())
        for number, room in enumerate((0, 100, 4096, 5000, 20_000, 100_000)):
            with files_no_larger_than(largest + room), pytest.raises(StoreError, match="quota") as error:
                store.enroll("Bob", [template(number + 2, shot, dimension=64) for shot in range(200)])
            message(error.value)
            assert store.known("Bob") is None
            assert store.version() == number + 1
            assert store.problems() == ()
            store.enroll("Ann", [template(1, number + 1)])
    with Store(tmp_path) as store:
        assert [(one.person.name, one.templates) for one in store.people()] == [("Ann", 7)]


def test_a_read_only_folder(open_folder: Path) -> None:
    fill(open_folder)
    os.chmod(open_folder / "gallery.db", 0o444)
    os.chmod(open_folder, 0o555)
    with as_user(NOBODY), pytest.raises(StoreError, match="writable") as error, Store(open_folder) as store:
        store.enroll("Bob", [template(2, dimension=512)])
    message(error.value)
    os.chmod(open_folder, 0o755)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="not a directory; make its folder exist"):
        Store(tmp_path / "file" / "data").open()


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "gallery.db").mkdir()
    with pytest.raises(StoreError, match="is a directory"):
        Store(tmp_path).open()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "not a database address"),
        ("nosuch://user:secret@host/db", "nosuch is not supported; write it as postgresql://"),
        ("sqlite://user:secret@/x.db", "sqlite is not supported; write it as postgresql://"),
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(GalleryError, match=said) as error:
        Store(tmp_path, url).open()
    assert "secret" not in str(error.value)


def enroll_alone(data: Path, number: int) -> None:
    with Store(data) as store:
        store.enroll(f"Own {number}", [template(number)])


def test_another_store_of_this_process_does_not_cost_the_first_its_locks(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with Store(tmp_path) as first, Store(tmp_path) as second:
        first.enroll("Ann", [template(1)])
        other = context.Process(target=enroll_alone, args=(tmp_path, 2))
        other.start()
        other.join(60)
        assert other.exitcode == 0
        # Last to close, as it would think without those locks, it takes away the log that these two write to.
        assert (tmp_path / "gallery.db-wal").exists()
        second.enroll("Cy", [template(3)])
        assert first.version() == 3
    with Store(tmp_path) as store:
        assert [one.person.name for one in store.people()] == ["Ann", "Cy", "Own 2"]


def test_a_gallery_is_opened_once(tmp_path: Path) -> None:
    with Store(tmp_path) as store, pytest.raises(RuntimeError, match="open already"):
        store.open()


def begin_and_enroll(data: Path, number: int, start: Barrier) -> None:
    for gallery in range(GALLERIES):
        start.wait(60)
        with Store(data / str(gallery)) as store:
            for shot in range(5):
                store.enroll("Shared", [template(number, shot)])
                store.enroll(f"Own {number}", [template(number, shot)])


def test_processes_that_begin_one_gallery_at_once_all_write(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    processes = [
        context.Process(target=begin_and_enroll, args=(tmp_path, number, start)) for number in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    for gallery in range(GALLERIES):
        with Store(tmp_path / str(gallery)) as store:
            counts = [(one.person.name, one.templates) for one in store.people()]
            assert counts == [("Own 0", 5), ("Own 1", 5), ("Own 2", 5), ("Shared", 15)]
            assert [change.seq for change in store.changes_since(0)] == list(range(1, 31))
            assert store.problems() == ()

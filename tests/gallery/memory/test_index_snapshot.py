"""Snapshots of an index: a start from one is the same as from the database, and whatever is in doubt is not used."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from pipeline.errors import StoreError
from pipeline.gallery.comparable import Comparable
from pipeline.gallery.indexes.choose import INDEXES, choose_index
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.memory import opening, snapshot_taking
from pipeline.gallery.memory.index_snapshot import IndexSnapshots
from pipeline.gallery.memory.opening import IndexRecipe, Opened, open_replica
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.memory.snapshot_files import MANIFEST_FILE
from pipeline.gallery.memory.snapshot_folders import remove_snapshots, wipe_snapshots
from pipeline.gallery.memory.snapshot_taking import SnapshotTaking
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import changes
from tests.gallery.people import DIMENSION, MODEL, face, template


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


def recipe(kind: str) -> IndexRecipe:
    def load(folder: Path) -> Index:
        return type(choose_index(kind, DIMENSION)).load(folder)

    return IndexRecipe(DIMENSION, lambda: choose_index(kind, DIMENSION), load)


def snapshots(data: Path, kind: str = "hnsw", model_id: str = MODEL) -> IndexSnapshots:
    return IndexSnapshots(data, model_id, kind)


def start(store: Store, data: Path, kind: str = "hnsw") -> Opened:
    """What a command does that opens the gallery."""
    opened = open_replica(store.database, MODEL, recipe(kind), snapshots(data, kind))
    SnapshotTaking(data, store.database, snapshots(data, kind), opened).take(opened.replica)
    return opened


def answers(replica: Replica) -> list[tuple[str, float, int]]:
    probes = np.stack([face(person, 9) for person in range(20)])
    return [(one.name, one.distance, one.label) for found in replica.search(probes, 4) for one in found]


def the_one(data: Path) -> Path:
    """The only snapshot."""
    (found,) = (data / "index").glob("*/*")
    return found


@pytest.mark.parametrize("kind", INDEXES)
def test_a_start_from_a_snapshot_answers_as_one_from_the_database(
    store: Store, tmp_path: Path, kind: str
) -> None:
    first = start(store, tmp_path, kind)
    again = start(store, tmp_path, kind)
    assert (first.snapshot_version, again.snapshot_version) == (None, 20)
    assert answers(again.replica) == answers(first.replica)
    assert again.replica.people == first.replica.people
    assert again.replica.own_pairs.nearest == first.replica.own_pairs.nearest


def test_what_happened_since_is_applied(store: Store, tmp_path: Path) -> None:
    start(store, tmp_path)
    store.rename(store.find("Person 1").id, "Ann")
    store.merge(store.find("Person 2").id, store.find("Person 3").id)
    store.forget(store.find("Person 4").id)
    store.enroll("Bob", [template(50)])
    again = start(store, tmp_path)
    assert again.snapshot_version == 20
    assert answers(again.replica) == answers(start(store, tmp_path / "elsewhere").replica)
    assert again.replica.version == store.version()


def test_nobody_else_may_read_it(store: Store, tmp_path: Path) -> None:
    start(store, tmp_path)
    everything = [tmp_path / "index", *(tmp_path / "index").rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in everything if path.is_dir()} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in everything if path.is_file()} == {0o600}


def test_a_newer_one_takes_the_place_of_an_older_one(store: Store, tmp_path: Path) -> None:
    start(store, tmp_path)
    before = the_one(tmp_path)
    store.enroll("Ann", [template(50)])
    start(store, tmp_path)
    assert the_one(tmp_path) != before
    assert start(store, tmp_path).snapshot_version == 21


def test_a_small_gallery_has_none(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start(store, tmp_path)
    monkeypatch.setattr(opening, "SNAPSHOT_FROM", 21)
    monkeypatch.setattr(snapshot_taking, "SNAPSHOT_FROM", 21)
    assert start(store, tmp_path).snapshot_version is None
    assert list((tmp_path / "index").glob("*/*")) == []


def edit_manifest(folder: Path, **keys: object) -> None:
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **keys}), "utf-8")


def folder_for_manifest(folder: Path) -> None:
    (folder / MANIFEST_FILE).unlink()
    (folder / MANIFEST_FILE).mkdir()


def rewrite(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return damage


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (rewrite("files/vectors.npy", lambda data: data[:-7]), "is not as it was written"),
    "a bit": (rewrite("files/vectors.npy", lambda data: data[:-1] + bytes([data[-1] ^ 1])), "is damaged"),
    "no file": (lambda folder: (folder / "labels.npy").unlink(), "labels.npy is not as it was written"),
    "a file more": (lambda folder: (folder / "more").touch(), "more is not as it was written"),
    "a link": (lambda folder: (folder / "more").symlink_to("/dev/zero"), "more is no file"),
    "no manifest": (lambda folder: (folder / MANIFEST_FILE).unlink(), "manifest cannot be read"),
    "half a manifest": (rewrite(MANIFEST_FILE, lambda data: data[:100]), "no manifest"),
    "garbage": (rewrite(MANIFEST_FILE, lambda data: b"\xff\x00"), "no manifest"),
    "a list": (rewrite(MANIFEST_FILE, lambda data: b"[]"), "no manifest"),
    "deep": (rewrite(MANIFEST_FILE, lambda data: b"[" * 500_000), "no manifest"),
    "huge": (rewrite(MANIFEST_FILE, lambda data: data + b" " * (2 << 20)), "no manifest"),
    "a folder for a manifest": (folder_for_manifest, "manifest cannot be read"),
    "newer": (lambda folder: edit_manifest(folder, format=2), "of format 2, and this Facestream reads 1"),
    "odd count": (lambda folder: edit_manifest(folder, templates=-1), "manifest is damaged"),
    "no files": (lambda folder: edit_manifest(folder, files=None), "manifest is damaged"),
    "wrong count": (lambda folder: edit_manifest(folder, templates=19), "has 20 templates and not 19"),
    "another gallery": (lambda folder: edit_manifest(folder, gallery_id="x"), "of another gallery"),
    "another model": (lambda folder: edit_manifest(folder, model_id="x"), "of another model"),
    "another kind": (lambda folder: edit_manifest(folder, kind="exact"), "of another kind"),
    "another dimension": (lambda folder: edit_manifest(folder, dimension=32), "of another dimension"),
    "another history": (lambda folder: edit_manifest(folder, last="x"), "it was restored"),
    "from the future": (lambda folder: edit_manifest(folder, version=99), "it was restored"),
}


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was warned of; other tests may have the log tell more."""
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("damage", DAMAGES)
def test_doubt_is_told_in_a_line_and_the_index_built_again(
    store: Store, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    expected = answers(start(store, tmp_path).replica)
    do, said = DAMAGES[damage]
    do(the_one(tmp_path))
    with caplog.at_level(logging.WARNING):
        again = start(store, tmp_path)
    assert again.snapshot_version is None
    assert answers(again.replica) == expected
    (line,) = warnings_in(caplog)
    assert said in line
    assert "the index is built again" in line
    caplog.clear()
    assert start(store, tmp_path).snapshot_version == 20
    assert warnings_in(caplog) == []


def test_one_that_misses_what_the_history_does_not_tell_of_is_not_used(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(store, tmp_path)
    store.enroll("Ann", [template(50)])
    with store.database.writing() as connection:
        connection.execute(update(changes).where(changes.c.seq == 21).values(label=None))
    with caplog.at_level(logging.WARNING):
        assert start(store, tmp_path).snapshot_version is None
    assert "has 20 templates, the gallery 21" in caplog.text


def test_one_that_is_too_old_is_built_again(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(store, tmp_path)
    person = store.find("Person 1").id
    for turn in range(21):
        store.rename(person, f"Ann {turn}")
    with caplog.at_level(logging.WARNING):
        assert start(store, tmp_path).snapshot_version is None
    assert "21 changes since, and it has 20 templates" in caplog.text


class Stopped(BaseException):
    """The program ends in the middle, as if it was killed."""


def test_an_interrupted_writer_leaves_the_old_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = start(store, tmp_path)
    kept = the_one(tmp_path)
    store.enroll("Ann", [template(50)])

    def stop(*_: object) -> None:
        raise Stopped

    for step in ("sums_below", "write_manifest", "secure"):
        with monkeypatch.context() as broken:
            broken.setattr(f"pipeline.gallery.memory.index_snapshot.{step}", stop)
            with pytest.raises(Stopped):
                snapshots(tmp_path).save(before.replica)
    assert the_one(tmp_path) == kept


def test_what_a_killed_writer_left_goes_with_the_next(store: Store, tmp_path: Path) -> None:
    start(store, tmp_path)
    left = the_one(tmp_path).parent / ".writing-killed"
    shutil.copytree(the_one(tmp_path), left)
    store.enroll("Ann", [template(50)])
    assert start(store, tmp_path).snapshot_version == 20
    assert not left.exists()
    left.mkdir()
    assert remove_snapshots(tmp_path) == 2
    assert list((tmp_path / "index").glob("*/*")) == []


def test_a_full_or_forbidden_disk_costs_the_snapshot_and_nothing_else(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "index").write_text("in the way", "utf-8")
    with caplog.at_level(logging.WARNING):
        opened = start(store, tmp_path)
    assert answers(opened.replica)
    assert "no snapshot of the index was taken" in caplog.text
    with pytest.raises(StoreError, match="make it writable"):
        snapshots(tmp_path).save(opened.replica)


@pytest.mark.parametrize("kind", INDEXES)
def test_forgotten_templates_leave_no_trace_in_it(store: Store, tmp_path: Path, kind: str) -> None:
    start(store, tmp_path, kind)
    gone = store.templates_of(store.find("Person 3").id)
    stays = store.templates_of(store.find("Person 4").id)[0].vector.tobytes()
    assert wipe_snapshots(tmp_path, np.array([one.label for one in gone], np.int64)) == 1
    kept = b"".join(path.read_bytes() for path in (tmp_path / "index").rglob("*") if path.is_file())
    assert not any(one.vector.tobytes() in kept for one in gone)
    assert wipe_snapshots(tmp_path, np.array([one.label for one in gone], np.int64)) == 0
    if kind != "mlann":  # that one is removed, and built in no time
        assert stays in kept
        store.forget(gone[0].person_id)
        assert start(store, tmp_path, kind).snapshot_version == 20


def test_whoever_is_forgotten_while_it_is_written_is_not_in_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_replica(store.database, MODEL, recipe("hnsw"), snapshots(tmp_path))
    gone = store.templates_of(store.find("Person 3").id)
    store.merge(store.find("Person 5").id, store.find("Person 6").id)
    store.forget(gone[0].person_id)
    SnapshotTaking(tmp_path, store.database, snapshots(tmp_path), opened).take(opened.replica)
    kept = (the_one(tmp_path) / "files" / "vectors.npy").read_bytes()
    assert not any(one.vector.tobytes() in kept for one in gone)
    assert face(5).tobytes() in kept
    again = start(store, tmp_path)
    assert again.snapshot_version == 20
    assert len(again.replica) == 18


def test_two_programs_writing_at_once_leave_the_newer_one(store: Store, tmp_path: Path) -> None:
    older = open_replica(store.database, MODEL, recipe("hnsw")).replica
    store.enroll("Ann", [template(50)])
    newer = open_replica(store.database, MODEL, recipe("hnsw")).replica
    snapshots(tmp_path).save(newer)
    snapshots(tmp_path).save(older)
    assert start(store, tmp_path).snapshot_version == 21
    snapshots(tmp_path).save(newer)
    assert the_one(tmp_path).name.startswith("000000000021-")


def test_one_of_another_set_of_compatible_models_is_not_trusted(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def opened(comparable: Comparable) -> Opened:
        kept = IndexSnapshots(tmp_path, comparable, "hnsw")
        found = open_replica(store.database, comparable, recipe("hnsw"), kept)
        SnapshotTaking(tmp_path, store.database, kept, found).take(found.replica)
        return found

    store.enroll("Ann", [template(50, model_id="model-b")])
    both, more = ("model-b", MODEL), ("model-b", "model-c", MODEL)
    assert [opened(each).snapshot_version for each in (both, MODEL, more)] == [None, None, None]
    assert [len(opened(each).replica) for each in (both, MODEL, more)] == [21, 20, 21]
    assert [opened(each).snapshot_version for each in (both, MODEL, more, more[:1] + more[:0:-1])] == [21] * 4
    ours, others = (IndexSnapshots(tmp_path, each, "hnsw").folder for each in (both, MODEL))
    shutil.rmtree(ours)
    shutil.copytree(others, ours)  # as if one were taken for the other
    assert opened(both).snapshot_version is None
    assert "it is of another model, model-a and not model-b + model-a" in caplog.text

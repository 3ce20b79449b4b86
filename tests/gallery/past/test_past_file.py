"""The kept index of past sightings: doubted, it is made anew; what was erased is in none of its files."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import delete, update

from pipeline.gallery.keeping.forgetting import forget_stranger
from pipeline.gallery.keeping.retention import RetentionRules, expire
from pipeline.gallery.keeping.traces import Traces
from pipeline.gallery.memory.snapshot_folders import remove_snapshots
from pipeline.gallery.past.past import past_vectors
from pipeline.gallery.past.past_file import (
    AXES_FILE,
    PROJECTED_FILE,
    ROW,
    ROWS_FILE,
    Appending,
    PastFile,
    index_of,
)
from pipeline.gallery.past.past_index import GONE, PastFilter, PastIndex
from pipeline.gallery.past.past_keeping import gallery_id_of, wipe_past
from pipeline.gallery.past.past_manifest import read_past_manifest
from pipeline.gallery.past.past_search import Past
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import sightings
from tests.gallery.made_past import EACH, PEOPLE, cuts_in, exact, fill, label_of, labels, probe, seen
from tests.gallery.people import MODEL, template

COUNT = PEOPLE * EACH


@pytest.fixture(autouse=True)
def small_pasts_have_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.gallery.past.past_search.INDEX_FROM", 500)
    monkeypatch.setattr("pipeline.gallery.past.past_keeping.READ_AT_ONCE", 100)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a past and its index; to be copied."""
    data = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch, Store(data) as store:
        patch.setattr("pipeline.gallery.past.past_keeping.READ_AT_ONCE", 100)
        fill(store)
        Past(store.database, data, MODEL).refresh()
    return data


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Iterator[Store]:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    with Store(tmp_path) as opened:
        yield opened


def kept(data: Path) -> Path:
    """The folder of the kept index."""
    (folder,) = (data / "index" / f"sightings-{MODEL}").iterdir()
    return folder


def traces(data: Path, numbers: list[int]) -> Traces:
    """Bytes of the vectors of these sightings, whole and, where they are kept, projected.

    Projections are read, not made again: the last bits depend on how many are made in one product.
    """
    vectors = [vector for number in numbers if (vector := seen(number).vector) is not None]
    rows = len(np.fromfile(kept(data) / ROWS_FILE, ROW))
    projected = np.fromfile(kept(data) / PROJECTED_FILE, "<f4").reshape(rows, -1)
    vectors += [projected[number] for number in numbers if number < rows]
    return Traces(cut for each in vectors for cut in cuts_in(each))


def holding(data: Path, looked_for: Traces) -> list[str]:
    """The files that have any of these bytes."""
    files = [each for each in sorted(data.rglob("*")) if each.is_file()]
    return [each.name for each in files if looked_for.in_file(each)]


def test_it_is_its_owner_s_alone(store: Store, tmp_path: Path) -> None:
    for path in (tmp_path / "index").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


def test_a_program_that_starts_uses_what_is_kept(store: Store, tmp_path: Path) -> None:
    before, written = kept(tmp_path), (kept(tmp_path) / "manifest.json").read_bytes()
    assert labels(Past(store.database, tmp_path, MODEL), probe(3)) == exact(store, probe(3), PastFilter(), 20)
    assert (kept(tmp_path), (before / "manifest.json").read_bytes()) == (before, written)


def flip(path: Path, place: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= 1
    path.write_bytes(raw)


def say(folder: Path, old: str, new: str) -> None:
    path = folder / "manifest.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: flip(folder / ROWS_FILE, 1000), "its rows from 0 on are damaged"),
        (lambda folder: flip(folder / PROJECTED_FILE, 50_000), "its rows from 0 on are damaged"),
        (lambda folder: flip(folder / AXES_FILE, 900), "axes.npz is damaged"),
        (lambda folder: (folder / PROJECTED_FILE).write_bytes(b"short"), "projected.bin is cut off"),
        (lambda folder: (folder / ROWS_FILE).unlink(), "cannot be read"),
        (lambda folder: (folder / "manifest.json").unlink(), "its manifest cannot be read"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "its manifest is no manifest"),
        (
            lambda folder: say(folder, '"format": 1', '"format": 2'),
            "it is of format 2, and this Facestream reads 1",
        ),
        (lambda folder: say(folder, '"rows": 1200', '"rows": -5'), "its manifest is damaged"),
        (lambda folder: say(folder, '"rows": 1200', '"rows": "many"'), "its manifest is damaged"),
        (lambda folder: say(folder, MODEL, "model-b"), "it is of another model, model-b and not model-a"),
        (lambda folder: say(folder, '"width": 32', '"width": 16'), "damaged"),
    ],
)
def test_a_doubtful_one_is_made_anew_with_a_word(
    store: Store,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], object],
    words: str,
) -> None:
    before = kept(tmp_path)
    damage(before)
    assert labels(Past(store.database, tmp_path, MODEL), probe(3)) == exact(store, probe(3), PastFilter(), 20)
    assert kept(tmp_path) != before
    (line,) = [one.getMessage() for one in caplog.records if "made anew" in one.getMessage()]
    assert words in line


def test_what_a_killed_program_left_behind_the_rows_does_not_count(store: Store, tmp_path: Path) -> None:
    folder = kept(tmp_path)
    for name in (ROWS_FILE, PROJECTED_FILE):
        with (folder / name).open("ab") as file:
            file.write(b"half a row")
    fill(store, 100, COUNT)
    assert labels(Past(store.database, tmp_path, MODEL), probe(3)) == exact(store, probe(3), PastFilter(), 20)
    assert labels(Past(store.database, tmp_path, MODEL), probe(3)) == exact(store, probe(3), PastFilter(), 20)
    assert kept(tmp_path) == folder
    assert (folder / ROWS_FILE).stat().st_size == ROW.itemsize * (COUNT + 100)


def test_a_folder_that_was_never_finished_goes(store: Store, tmp_path: Path) -> None:
    (kept(tmp_path).parent / "unfinished").mkdir()
    Past(store.database, tmp_path, MODEL).refresh()
    assert kept(tmp_path).name != "unfinished"


def test_whoever_is_forgotten_is_in_no_file(store: Store, tmp_path: Path) -> None:
    theirs = traces(tmp_path, [5 + PEOPLE * shot for shot in range(EACH)])
    assert holding(tmp_path, theirs) == ["gallery.db", PROJECTED_FILE]
    forgotten = forget_stranger(store.database, tmp_path, str(seen(5).stranger_id))
    assert forgotten.sightings == EACH
    assert holding(tmp_path, theirs) == []
    past = Past(store.database, tmp_path, MODEL)
    assert labels(past, probe(5)) == exact(store, probe(5), PastFilter(), 20)
    assert holding(tmp_path, theirs) == []
    assert kept(tmp_path).is_dir()


def test_forgetting_beside_a_program_that_writes_the_index(store: Store, tmp_path: Path) -> None:
    """It read the vectors before they were erased, and writes them afterwards: into a folder that is gone."""
    fill(store, 100, COUNT)
    theirs = traces(tmp_path, [5 + PEOPLE * shot for shot in range(EACH)] + [COUNT + 5, COUNT + 65])
    found = PastFile(tmp_path, MODEL).open(gallery_id_of(store.database))
    assert found is not None
    appending = Appending(found)
    with store.database.reading() as connection:
        read = past_vectors(connection, MODEL, COUNT, 100)
    forget_stranger(store.database, tmp_path, str(seen(5).stranger_id))
    with pytest.raises(OSError, match="No such file"):
        index_of(found)
    index = PastIndex(found.projection)
    appending.add(index.rows_of(read))
    with pytest.raises(OSError, match="No such file"):
        appending.finish(index.cameras)
    appending.close()
    assert holding(tmp_path, theirs) == []


def test_it_stays_when_templates_are_dropped(store: Store, tmp_path: Path) -> None:
    before = kept(tmp_path)
    store.wipe([store.enroll("Ann", [template(1)]).labels[0]])
    assert kept(tmp_path) == before


def test_what_is_kept_too_long_is_overwritten(store: Store, tmp_path: Path) -> None:
    old = [5, 77, 300, COUNT - 1]
    theirs, folder = traces(tmp_path, old), kept(tmp_path)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    for number in old:
        aged = update(sightings).where(sightings.c.label == label_of(store, number))
        with store.database.writing() as connection:
            connection.execute(aged.values(written_at=long_ago))
    rules = RetentionRules(None, timedelta(days=30), None)
    past = Past(store.database, tmp_path, MODEL)
    past.refresh()  # as a program that has mapped the files
    now = long_ago + timedelta(days=31)
    assert expire(store.database, tmp_path, rules, now).stranger_vectors == len(old)
    assert holding(tmp_path, theirs) == []
    assert kept(tmp_path) == folder
    rows = np.fromfile(folder / ROWS_FILE, ROW)
    assert np.flatnonzero(rows["label"] == GONE).tolist() == old
    for reader in (past, Past(store.database, tmp_path, MODEL)):
        for person in (5, 17, 0):
            assert labels(reader, probe(person)) == exact(store, probe(person), PastFilter(), 20)
    assert kept(tmp_path) == folder
    assert wipe_past(store.database, tmp_path) == 0


def test_an_index_that_is_mostly_overwritten_goes(store: Store, tmp_path: Path) -> None:
    with store.database.writing() as connection:
        connection.execute(update(sightings).where(sightings.c.label > 10).values(vector=None))
    assert wipe_past(store.database, tmp_path) == COUNT - 10
    assert list((tmp_path / "index" / f"sightings-{MODEL}").iterdir()) == []
    assert labels(Past(store.database, tmp_path, MODEL), probe(3)) == exact(store, probe(3), PastFilter(), 20)


def test_a_damaged_one_is_removed_where_something_has_to_be_wiped(store: Store, tmp_path: Path) -> None:
    (kept(tmp_path) / "manifest.json").write_text("{}")
    assert wipe_past(store.database, tmp_path) == 0
    assert list((tmp_path / "index" / f"sightings-{MODEL}").iterdir()) == []


def test_a_restore_removes_it_with_the_snapshots(store: Store, tmp_path: Path) -> None:
    assert remove_snapshots(tmp_path) == 1
    assert list((tmp_path / "index" / f"sightings-{MODEL}").iterdir()) == []


def test_compatible_models_have_an_index_of_their_own_that_is_wiped_too(store: Store, tmp_path: Path) -> None:
    both = ("model-b", MODEL)
    own = replace(probe(3), comparable=both)
    past = Past(store.database, tmp_path, both)
    assert (
        labels(past, own) == exact(store, own, PastFilter(), 20) == exact(store, probe(3), PastFilter(), 20)
    )
    folder = PastFile(tmp_path, both).folder
    (place,) = folder.iterdir()
    assert read_past_manifest(place).model_id == "model-b + model-a"
    gone = label_of(store, 3)
    with store.database.writing() as connection:
        connection.execute(delete(sightings).where(sightings.c.label == gone))
    assert wipe_past(store.database, tmp_path) == 2  # in each of the two
    assert gone not in labels(Past(store.database, tmp_path, both), own)

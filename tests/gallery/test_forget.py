"""Forgetting leaves nothing: no row, no file, and no bytes in the free pages or the log of the database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

import pipeline.gallery.database as database
from pipeline.errors import GalleryError
from pipeline.gallery.records import NewTemplate
from pipeline.gallery.snapshots import erase_snapshots, snapshots_of
from pipeline.gallery.store import Store
from tests.gallery.people import template

NAME = "Ermintrude Unforgettable"


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


def test_forgetting_says_what_it_erased(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        ann = store.enroll("Ann", [template(1), template(1, 1)]).person
        folder = snapshots_of(tmp_path, ann.id)
        (folder / "door").mkdir(parents=True)
        (folder / "door" / "1.jpg").write_bytes(b"face")
        (folder / "2.jpg").write_bytes(b"face")
        forgotten = store.forget(ann.id)
    assert forgotten.person == ann
    assert (forgotten.templates, forgotten.crops, forgotten.snapshots) == (2, 2, 2)
    assert forgotten.traceless
    assert not folder.exists()


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


def test_a_reader_that_keeps_old_pages_alive_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with Store(tmp_path) as store:
        ann = store.enroll("Ann", [template(1)]).person
        reader = sqlite3.connect(tmp_path / "gallery.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM people").fetchall()
        assert not store.forget(ann.id).traceless
        assert store.known("Ann") is None
        reader.close()


def test_snapshots_are_only_looked_for_under_ids(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a person's id"):
        snapshots_of(tmp_path, "../..")
    assert erase_snapshots(tmp_path, "p_0123456789ab") == 0


def test_an_unknown_person_cannot_be_forgotten(tmp_path: Path) -> None:
    with Store(tmp_path) as store, pytest.raises(GalleryError, match="nobody has the id"):
        store.forget("p_0123456789ab")

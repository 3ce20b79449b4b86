"""`backup` and `restore`: one line for whatever goes wrong, and what was done in a form for people and programs."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.commands.painted_photos import enroll_people


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    with Store(folder) as store:
        enroll_people(store, [("Ann Lee", 1), ("Bob [b]", 2)])
    return folder


def run(data: Path, *arguments: str) -> int:
    return main([*arguments, "--data", str(data)])


def line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (only,) = capsys.readouterr().out.splitlines()
    found = json.loads(only)
    assert isinstance(found, dict)
    return found


def test_there_and_back(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "[b] 1.backup"
    assert run(data, "backup", str(file), "--json") == 0
    made = line(capsys)
    assert (made["file"], made["gallery_version"], made["bytes"]) == (str(file), 2, file.stat().st_size)
    other = tmp_path / "other"
    assert run(other, "restore", str(file), "--json") == 0
    back = line(capsys)
    assert (back["gallery_version"], back["rows"], back["forgotten_since"]) == (2, made["rows"], 0)
    with Store(other) as store:
        assert [one.person.name for one in store.people()] == ["Ann Lee", "Bob [b]"]
    assert run(other, "restore", str(file)) == 2
    assert "not empty" in capsys.readouterr().err
    assert run(other, "restore", str(file), "--force") == 0
    assert f"restored {file}" in capsys.readouterr().out


def test_the_known_ones_are_listed_and_struck_off(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "b.backup"
    assert run(data, "backup", "--list") == 0
    assert "no backup is known" in capsys.readouterr().out
    assert run(data, "backup", str(file)) == 0
    assert f"{file}: the gallery at version 2" in capsys.readouterr().out
    assert run(data, "backup", "--list", "--json") == 0
    listed = line(capsys)
    assert (listed["file"], listed["gallery_version"], listed["there"]) == (str(file), 2, True)
    assert run(data, "backup", "--gone", str(file)) == 2
    assert "is still there" in capsys.readouterr().err
    file.unlink()
    assert run(data, "backup", "--list") == 0
    assert str(file) in capsys.readouterr().out
    assert run(data, "backup", "--gone", str(file), "--json") == 0
    assert line(capsys) == {"file": str(file), "known": False}
    assert run(data, "backup", "--gone", str(file)) == 2


@pytest.mark.parametrize("arguments", [(), ("b", "--list"), ("--list", "--gone", "b")])
def test_one_thing_at_a_time(
    data: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(data, "backup", *arguments) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("facestream: backup: name the FILE")


def test_names_that_cannot_be_used_are_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("mine")
    for file, said in (
        (str(tmp_path), "is a folder"),
        (str(tmp_path / "no" / "b"), "make it first"),
        (str(tmp_path / "mine"), "is there already"),
        (str(tmp_path / "b\udcff"), "must be UTF-8"),
    ):
        assert run(data, "backup", file) == 2
        (only,) = capsys.readouterr().err.splitlines()
        assert said in only
    assert run(data, "backup", str(tmp_path / "mine"), "--force") == 2
    assert (tmp_path / "mine").read_text() == "mine"


def test_what_is_no_backup_is_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_bytes(b"no database" * 1000)
    sqlite3.connect(tmp_path / "foreign").execute("CREATE TABLE t (x)").connection.close()
    for name in ("missing", "text", "foreign", ".", "line\nbreak\x1b[31m"):
        assert run(tmp_path / "new", "restore", str(tmp_path / name)) == 2
        (only,) = capsys.readouterr().err.splitlines()[-1:]
        assert only.startswith("facestream: ")
        assert only.isprintable()
    assert run(tmp_path / "new", "restore", str(data / "gallery.db")) == 2
    assert "is no backup of Facestream" in capsys.readouterr().err


def test_a_folder_that_may_not_be_written_is_one_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "backup", "/proc/b.backup") == 3
    (only,) = capsys.readouterr().err.splitlines()
    assert only.startswith("facestream: /proc/.b.backup.part: ")
    with Store(data) as store:
        assert store.problems() == ()

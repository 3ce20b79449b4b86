"""`people`: list, show, rename, forget."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.commands.painted_photos import enroll_people


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Store(tmp_path) as store:
        enroll_people(store, [("Ann Lee", 1), ("Bob [b]", 2)])
    return tmp_path


def run(data: Path, *arguments: str) -> int:
    return main(["people", *arguments, "--data", str(data)])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def id_of(data: Path, name: str) -> str:
    with Store(data) as store:
        return store.find(name).id


def test_everybody_is_listed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "list", "--json") == 0
    ann, bob = lines(capsys)
    assert ann["created_at"].endswith("Z")
    assert [(one["id"], one["name"], one["templates"]) for one in (ann, bob)] == [
        (id_of(data, "Ann Lee"), "Ann Lee", 1),
        (id_of(data, "Bob [b]"), "Bob [b]", 1),
    ]
    assert run(data, "list") == 0
    assert "Bob [b]" in capsys.readouterr().out


def test_an_empty_gallery_lists_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "list", "--json") == 0
    assert lines(capsys) == []
    assert run(tmp_path, "list") == 0
    assert "nobody is enrolled" in capsys.readouterr().out


def test_a_person_is_shown_with_their_templates(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "show", "Ann Lee", "--json") == 0
    (shown,) = lines(capsys)
    (template,) = shown.pop("templates")
    assert (shown["name"], shown["consent"], shown["retain_until"]) == ("Ann Lee", None, None)
    assert (template["label"], template["source"], template["quality"]) == (1, "1.png", 0.8)
    assert "vector" not in template
    assert run(data, "show", id_of(data, "Bob [b]")) == 0
    printed = capsys.readouterr().out
    assert "Bob [b]" in printed
    assert "2.png" in printed


def test_renaming(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ann = id_of(data, "Ann Lee")
    assert run(data, "rename", "Ann Lee", "Ann Lee-Smith", "--json") == 0
    assert lines(capsys) == [{"id": ann, "name": "Ann Lee-Smith", "previous_name": "Ann Lee"}]
    assert run(data, "rename", ann, "Bob [b]") == 2
    assert "choose another name" in capsys.readouterr().err
    assert run(data, "rename", ann, "Ann") == 0
    assert f"Ann Lee-Smith is now Ann ({ann})" in capsys.readouterr().out


def test_it_does_not_ask_where_nobody_can_answer(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(data, "forget", "Ann Lee") == 0
    with Store(data) as store:
        assert store.known("Ann Lee") is None


@pytest.mark.parametrize(("answer", "code", "left"), [("n\n", 1, 2), ("\n", 1, 2), ("y\n", 0, 1)])
def test_at_a_terminal_it_asks(
    data: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    master, terminal = os.openpty()
    try:
        with os.fdopen(terminal, "r") as stdin:
            os.write(master, answer.encode())
            monkeypatch.setattr("sys.stdin", stdin)
            assert run(data, "forget", "Ann Lee") == code
    finally:
        os.close(master)
    with Store(data) as store:
        assert len(store.people()) == left


@pytest.mark.parametrize("command", [("show",), ("rename",), ("forget",)])
def test_nobody_of_that_name_is_one_line_with_who_may_be_meant(
    data: Path, capsys: pytest.CaptureFixture[str], command: tuple[str]
) -> None:
    extra = ["New"] if command == ("rename",) else []
    assert run(data, *command, "Ann Leee", *extra) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    expected = f"facestream: nobody is called 'Ann Leee'; did you mean Ann Lee ({id_of(data, 'Ann Lee')})?"
    assert printed.err.splitlines() == [expected]


def test_a_damaged_gallery_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gallery.db").write_bytes(b"no database" * 1000)
    assert run(tmp_path, "list") == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"facestream: {tmp_path / 'gallery.db'}: it is no SQLite database;")

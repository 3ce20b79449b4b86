"""`people export`, and `people import` of what it wrote."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.commands.painted_photos import enroll_people


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with Store(Path("data")) as store:
        enroll_people(store, [("Ann Lee", 1), ("Bob [b]", 2)])
    return Path("data")


def run(*arguments: str, data: str = "data") -> int:
    return main([*arguments, "--data", data])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_there_and_back(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("people", "export", "all", "--json") == 0
    assert run("people", "import", "all", "--json", data="other") == 0
    assert run("people", "import", "all", "--json", data="other") == 0
    exported, *imported = lines(capsys)
    assert (exported["people"], exported["templates"], exported["crops"]) == (2, 2, 0)
    assert exported["bytes"] == Path("all").stat().st_size
    assert [one["outcome"] for one in imported] == ["new", "new", "unchanged", "unchanged"]
    with Store(data) as one, Store(Path("other")) as other:
        assert one.people() == other.people()


def test_in_words_with_what_is_not_searched(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("people", "export", "[b]all") == 0
    assert "[b]all: people: 2, templates: 2, crops: 0, watchlists: 0" in capsys.readouterr().out
    assert run("people", "import", "[b]all", data="other") == 0
    printed = capsys.readouterr()
    assert "new people: 2, merged: 0, here already: 0; templates added: 2" in printed.out
    assert "are kept and not searched: 2 of painted" in printed.err


def test_some_by_name_and_by_list(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("watchlists", "create", "vip", "greet") == 0
    assert run("watchlists", "add", "vip", "Bob [b]") == 0
    capsys.readouterr()
    assert run("people", "export", "one", "--watchlist", "vip", "--json") == 0
    assert run("people", "export", "two", "--watchlist", "vip", "--person", "Ann Lee", "--json") == 0
    assert [(one["people"], one["watchlists"]) for one in lines(capsys)] == [(1, 1), (2, 1)]
    assert run("people", "import", "one", "--watchlist", "vip", data="other") == 2
    assert "there is no watchlist 'vip'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["export", "."], "is a folder"),
        (["export", "missing/file"], "there is no folder missing"),
        (["export", "there"], "is there already; name another file, or give --force"),
        (["export", "x", "--person", "Ann Leee"], "did you mean Ann Lee"),
        (["export", "x", "--watchlist", "vip"], "there is no watchlist 'vip'"),
        (["import", "there"], "neither a folder of people nor a whole file of 'people export'"),
        (["import", "foreign.zip"], "is no whole file of 'people export' (it has no manifest.json"),
        (["import", "foreign.zip", "--largest"], "--largest goes with a folder only"),
        (["import", "foreign.zip", "--report", "x"], "--report goes with a folder only"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    data: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    Path("there").write_text("something")
    with zipfile.ZipFile("foreign.zip", "w") as archive:
        archive.writestr("letter.txt", "hello")
    assert run("people", *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert says in line
    assert not Path("x").exists()


def test_an_empty_gallery_exports_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("people", "export", "all") == 2
    assert "nothing to export" in capsys.readouterr().err
    assert not Path("all").exists()

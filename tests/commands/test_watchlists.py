"""`watchlists`: create, add, remove, delete, list, show; and what `people` says of them."""

from __future__ import annotations

import json
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
    return main([*arguments, "--data", str(data)])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def id_of(data: Path, name: str) -> str:
    with Store(data) as store:
        return store.find(name).id


def test_a_list_from_its_beginning_to_its_end(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ann, bob = id_of(data, "Ann Lee"), id_of(data, "Bob [b]")
    vip = {"name": "vip", "purpose": "greet [at] the door"}
    assert run(data, "watchlists", "create", "vip", "greet [at] the door", "--json") == 0
    assert run(data, "watchlists", "add", "vip", "Ann Lee", bob, "--json") == 0
    assert run(data, "watchlists", "add", "vip", ann, "--json") == 0
    assert run(data, "watchlists", "remove", "vip", "Bob [b]", "--json") == 0
    assert run(data, "watchlists", "list", "--json") == 0
    assert run(data, "watchlists", "show", "vip", "--json") == 0
    assert run(data, "watchlists", "purpose", "vip", "call us", "--json") == 0
    assert run(data, "watchlists", "delete", "vip", "--json") == 0
    assert run(data, "watchlists", "list", "--json") == 0
    assert lines(capsys) == [
        {**vip, "people": 0},
        {**vip, "people": 2, "added": 2},
        {**vip, "people": 2, "added": 0},
        {**vip, "people": 1, "removed": 1},
        {**vip, "people": 1},
        {**vip, "people": 1, "members": [{"id": ann, "name": "Ann Lee"}]},
        {"name": "vip", "purpose": "call us", "people": 1},
        {"name": "vip", "purpose": "call us", "people": 1},
    ]


def test_in_words(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "watchlists", "list") == 0
    assert "there is no watchlist" in capsys.readouterr().out
    assert run(data, "watchlists", "create", "[b]vip", "greet [at] the door") == 0
    assert "[b]vip: nobody is on it yet" in capsys.readouterr().out
    assert run(data, "watchlists", "show", "[b]vip") == 0
    assert "nobody is on it; see" in capsys.readouterr().out
    assert run(data, "watchlists", "add", "[b]vip", "Bob [b]") == 0
    assert "[b]vip: added 1, people now: 1" in capsys.readouterr().out
    assert run(data, "watchlists", "list") == 0
    assert "greet [at] the door" in capsys.readouterr().out
    assert run(data, "watchlists", "purpose", "[b]vip", "call [us]") == 0
    assert "[b]vip: call [us]" in capsys.readouterr().out
    assert run(data, "watchlists", "show", "[b]vip") == 0
    assert "Bob [b]" in capsys.readouterr().out
    assert run(data, "watchlists", "remove", "[b]vip", "Bob [b]") == 0
    assert "removed 1, people now: 0" in capsys.readouterr().out
    assert run(data, "watchlists", "remove", "[b]vip", "Bob [b]") == 1
    assert run(data, "watchlists", "delete", "[b]vip") == 0
    assert "[b]vip is gone; people who were on it: 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "vip", "x"], "there is a watchlist vip already; choose another name"),
        (["create", "a\x1b", "x"], "watchlist: a name must not have the character U+001B in it"),
        (["create", "b", ""], "a watchlist needs a purpose"),
        (["add", "vips", "Ann Lee"], "there is no watchlist 'vips'; did you mean vip?"),
        (["add", "vip", "Ann Lee", "Ann Leee"], "nobody is called 'Ann Leee'; did you mean Ann Lee"),
        (["remove", "vip", "p_0123456789ab"], "nobody is called 'p_0123456789ab'"),
        (["purpose", "vips", "x"], "there is no watchlist 'vips'"),
        (["purpose", "vip", " "], "a watchlist needs a purpose"),
        (["show", "\udcff"], "there is no watchlist"),
        (["delete", "vips"], "there is no watchlist 'vips'"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    data: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run(data, "watchlists", "create", "vip", "greet") == 0
    capsys.readouterr()
    assert run(data, "watchlists", *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert says in line
    assert run(data, "watchlists", "list", "--json") == 0
    assert lines(capsys) == [{"name": "vip", "purpose": "greet", "people": 0}]


def test_people_tells_who_is_on_which_list(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("vip", "banned"):
        assert run(data, "watchlists", "create", name, f"for {name}") == 0
        assert run(data, "watchlists", "add", name, "Ann Lee") == 0
    capsys.readouterr()
    assert run(data, "people", "list", "--watchlist", "vip", "--json") == 0
    assert [line["name"] for line in lines(capsys)] == ["Ann Lee"]
    assert run(data, "people", "show", "Ann Lee", "--json") == 0
    (shown,) = lines(capsys)
    assert shown["watchlists"] == [
        {"name": "banned", "purpose": "for banned"},
        {"name": "vip", "purpose": "for vip"},
    ]
    assert run(data, "people", "show", "Ann Lee") == 0
    assert "on watchlists: banned, vip" in capsys.readouterr().out
    assert run(data, "people", "list", "--watchlist", "vop") == 2

"""`people merge`: confirmed, compared, told; corrections of past sightings wait until they are published."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.commands.merge_people import distance_between, merge_command
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import Watchlists
from run_pipeline import main
from tests.gallery.people import template


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Store(tmp_path) as store:
        store.enroll("Ann Lee", [template(1, shot) for shot in range(2)])
        store.enroll("Anne Lee", [template(1, shot) for shot in range(1, 4)])
        store.enroll("Bob", [template(2)])
        lists = Watchlists(store.database)
        lists.create("guests", "to greet them")
        lists.add("guests", [store.find("Anne Lee").id])
    return tmp_path


def run(data: Path, *arguments: str) -> int:
    return main(["people", "merge", *arguments, "--data", str(data)])


def names(data: Path) -> list[str]:
    with Store(data) as store:
        return [one.person.name for one in store.people()]


def id_of(data: Path, name: str) -> str:
    with Store(data) as store:
        return store.find(name).id


def test_two_records_become_one(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ann, anne = id_of(data, "Ann Lee"), id_of(data, "Anne Lee")
    assert run(data, "Anne Lee", ann, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "id": ann,
        "name": "Ann Lee",
        "gone": {"id": anne, "name": "Anne Lee"},
        "distance": 0.0,
        "templates": {"moved": 2, "same_image": 1, "redundant": 0},
        "watchlists": ["guests"],
        "sightings": 0,
        "strangers": 0,
        "snapshots": 0,
    }
    assert names(data) == ["Ann Lee", "Bob"]


def test_it_says_what_moved_and_what_was_redundant(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "Anne Lee", "Ann Lee", "--set", "enrolment.max_templates=3") == 0
    out = " ".join(capsys.readouterr().out.split())
    assert f"goes on as Ann Lee ({id_of(data, 'Ann Lee')})" in out
    assert "templates: 2, dropped, of the same images: 1, dropped as redundant: 1" in out
    assert "joined watchlists: guests" in out
    with Store(data) as store:
        assert len(store.templates_of(store.find("Ann Lee").id)) == 3


def test_nobody_is_merged_with_themselves(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "Bob", id_of(data, "Bob")) == 2
    assert "are one already: Bob" in capsys.readouterr().err
    assert len(names(data)) == 3


def test_nobody_is_merged_with_somebody_unknown(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "Bob", "Bop\x1b[2J\udc80") == 2
    assert run(data, "Bop", "Bob") == 2
    error = capsys.readouterr().err
    assert "nobody is called" in error
    assert "\x1b" not in error
    assert len(names(data)) == 3


def test_two_who_do_not_look_alike_need_force(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "Bob", "Ann Lee", "--yes") == 2
    error = capsys.readouterr().err
    assert "are probably not one person" in error
    assert "give --force" in error
    assert "Bob" in names(data)
    assert run(data, "Bob", "Ann Lee", "--force") == 0
    assert "Bob" not in names(data)


def test_two_of_different_models_need_force(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(data) as store:
        store.enroll("Robert", [template(2, model_id="model-b")])
    assert run(data, "Robert", "Bob") == 2
    assert "nothing to compare" in capsys.readouterr().err


def test_at_a_terminal_it_asks_first(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    person, terminal = os.openpty()
    with os.fdopen(person, "wb", buffering=0) as keyboard, os.fdopen(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        keyboard.write(b"n\n")
        assert run(data, "Anne Lee", "Ann Lee") == 1
        assert "called Ann Lee, for good?" in capsys.readouterr().err
        assert len(names(data)) == 3
        keyboard.write(b"y\n")
        assert run(data, "Anne Lee", "Ann Lee") == 0
    assert len(names(data)) == 2


@pytest.mark.parametrize(
    ("gone", "into", "command"),
    [
        ("Ann", "Anne Lee", "people merge Ann 'Anne Lee'"),
        ("O'Neil", "$(reboot) `x`", """people merge 'O'"'"'Neil' '$(reboot) `x`'"""),
        ("--yes", "Bob", "people merge p_1 Bob"),
        ("Bob", "a\u202eb", "people merge Bob p_2"),
    ],
)
def test_the_command_may_be_pasted_whatever_people_are_called(gone: str, into: str, command: str) -> None:
    assert merge_command(gone, into, "p_1", "p_2") == command


def test_people_of_compatible_models_are_compared(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        ann = store.enroll("Ann", [template(1, model_id="v1")]).person
        anne = store.enroll("Anne", [template(1, model_id="v2"), template(2, model_id="v0")]).person
        assert distance_between(store, ann, anne, "v2") is None
        assert distance_between(store, ann, anne, ("v2", "v1")) == 0.0
        assert distance_between(store, anne, ann, ("v2", "v1")) == 0.0

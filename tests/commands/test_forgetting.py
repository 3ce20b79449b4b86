"""`people forget`: says what was erased, what was proved and what is left."""

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
    folder = tmp_path / "data"
    with Store(folder) as store:
        enroll_people(store, [("Ann Lee", 1), ("Bob [b]", 2)])
    return folder


def forget(data: Path, *arguments: str) -> int:
    return main(["people", "forget", *arguments, "--yes", "--data", str(data)])


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def id_of(data: Path, name: str) -> str:
    with Store(data) as store:
        return store.find(name).id


def test_it_says_what_it_erased_and_proved(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ann = id_of(data, "Ann Lee")
    assert forget(data, "Ann Lee", "--json") == 0
    said = told(capsys)
    assert said["searched"].pop("bytes") > 1000
    assert said["searched"].pop("files") >= 2
    assert said == {
        "id": ann,
        "name": "Ann Lee",
        "erased": {
            "templates": 1,
            "crops": 0,
            "sightings": 0,
            "strangers": 0,
            "watchlists": 0,
            "snapshots": 0,
            "index_snapshots": 0,
            "backups": 0,
        },
        "proved": True,
        "searched": {},
        "left": [],
        "unseen": [],
    }
    assert forget(data, "Bob [b]") == 0
    printed = capsys.readouterr().out
    assert "forgot Bob [b]" in printed
    assert "erased templates: 1\n" in printed
    assert "proved: no row, no search and no byte of" in printed


def test_without_a_look_nothing_is_proved(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert forget(data, "Ann Lee", "--no-scan", "--json") == 0
    said = told(capsys)
    assert (said["proved"], said["searched"]) == (None, None)
    assert forget(data, "Bob [b]", "--no-scan") == 0
    assert "nobody looked" in capsys.readouterr().out


def test_what_is_out_of_reach_is_finished_later_by_the_id(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, file = id_of(data, "Ann Lee"), tmp_path / "b.backup"
    assert main(["backup", str(file), "--data", str(data)]) == 0
    moved = file.rename(tmp_path / "moved")
    capsys.readouterr()
    assert forget(data, "Ann Lee", "--json") == 3
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert (said["erased"]["templates"], said["proved"]) == (1, False)
    (left,) = said["left"]
    assert left.startswith(f"{file}: there is no such file")
    assert printed.err.splitlines()[-1].startswith(f"facestream: {ann} is erased from the gallery, but not")
    moved.rename(file)
    assert forget(data, ann, "--json") == 0
    said = told(capsys)
    assert (said["name"], said["erased"]["backups"], said["proved"]) == (None, 1, True)
    assert forget(data, "p_0123456789ab") == 2

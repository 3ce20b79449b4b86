"""`expire`: says what it would erase, erases it, and counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.commands.painted_photos import enroll_people


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Store(tmp_path) as store:
        enroll_people(store, [("Ann Lee", 1), ("Bob", 2)])
        store.set_person(store.find("Ann Lee").id, retain_until=datetime(2020, 1, 1, tzinfo=UTC))
    return tmp_path


def test_a_dry_run_erases_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(data) as store:
        ann = store.find("Ann Lee").id
    expected = {"sightings": 0, "stranger_vectors": 0, "snapshots": 0, "people": 1, "person_ids": [ann]}
    assert main(["expire", "--dry-run", "--json", "--data", str(data)]) == 0
    assert json.loads(capsys.readouterr().out) == {"erased": False, **expected}
    assert main(["expire", "--dry-run", "--data", str(data)]) == 0
    assert "would erase sightings: 0, stranger vectors: 0, snapshots: 0, people: 1" in capsys.readouterr().out
    assert main(["expire", "--json", "--data", str(data)]) == 0
    assert json.loads(capsys.readouterr().out) == {"erased": True, **expected}
    with Store(data) as store:
        assert [one.person.name for one in store.people()] == ["Bob"]
    assert main(["expire", "--data", str(data)]) == 0
    assert "erased sightings: 0, stranger vectors: 0, snapshots: 0, people: 0" in capsys.readouterr().out


def test_what_is_left_of_somebody_is_exit_code_3(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = data / "b.backup"
    assert main(["backup", str(file), "--data", str(data)]) == 0
    file.rename(data / "moved")
    capsys.readouterr()
    assert main(["expire", "--no-scan", "--data", str(data)]) == 3
    said = capsys.readouterr().err
    assert f"left: {file}: there is no such file" in said
    assert "not everywhere" in said


def test_days_are_a_number_of_them(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["expire", "--data", str(data), "--set", "retention.sightings_days=1e9"]) == 2
    assert "retention.sightings_days" in capsys.readouterr().err
    assert main(["expire", "--data", str(data), "--set", "retention.sightings_days=null", "--dry-run"]) == 0

"""`doctor` as it is called: one JSON object or a page for people, and 3 where something needed is broken."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import run_pipeline

MODELS = Path(os.environ.get("FACESTREAM_MODELS") or "models").absolute()
"""where `make models` put them, before a test says otherwise"""

pytestmark = pytest.mark.redis


@pytest.fixture(autouse=True)
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nothing has been fetched yet."""
    monkeypatch.setenv("FACESTREAM_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("FACESTREAM__DATA", str(tmp_path / "data"))


def examined(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, dict[str, Any]]:
    """Exit code and the one object that `doctor --json` prints."""
    code = run_pipeline.main(["doctor", "--json", *argv])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    return code, json.loads(lines[0])


def test_json_has_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    code, report = examined(capsys)
    assert code == 3
    assert set(report) == {"ok", "versions", "hardware", "engine", "models", "redis", "gallery", "problems"}
    assert report["ok"] is False
    assert [problem["part"] for problem in report["problems"]] == ["models"]
    assert report["engine"]["backend"] == "openvino"
    assert report["redis"]["running"] is False
    assert report["gallery"]["exists"] is False
    assert report["versions"]["packages"]["torch"]


def test_it_changes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    examined(capsys)
    assert list(tmp_path.iterdir()) == []


def test_people_read_the_same_and_the_repair(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["doctor"]) == 3
    text = capsys.readouterr().out
    for part in (
        "facestream",
        "packages",
        "processor",
        "memory",
        "disk",
        "gpu",
        "engine",
        "models",
        "redis",
        "gallery",
    ):
        assert f"\n{part} " in f"\n{text}"
    assert "PROBLEM models: missing: facenet-20180408, centerface; run: python run_pipeline.py models" in text
    assert text.endswith("1 to repair\n")


def test_secrets_are_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    secrets = ["--set", "redis.url=redis://:hunter2@127.0.0.1:1", "--set", "gallery.url=nodb://u:hunter3@h/x"]
    for argv in (["doctor"], ["doctor", "--json"], ["doctor", "--debug"]):
        run_pipeline.main([*argv, *secrets])
        captured = capsys.readouterr()
        assert "hunter" not in captured.out + captured.err


@pytest.mark.models
def test_all_is_well_where_the_models_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESTREAM_MODELS", str(MODELS))
    code, report = examined(capsys)
    assert report["problems"] == []
    assert code == 0

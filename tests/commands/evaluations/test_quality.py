"""`evaluate quality` on made-up faces whose quality is known: curves, pairs, who is left out, plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.errors import EvaluationError
from engines.evaluation.face_set import FaceSet
from engines.evaluation.lfw_pairs import read_pairs
from pipeline.commands.evaluations.quality import quality as quality_command
from pipeline.commands.evaluations.quality import run_quality
from tests.commands.evaluations.painted_sets import write_pairs, write_people
from tests.commands.painted_photos import make

PEOPLE, PHOTOS, DIMENSION = 12, 4, 32


def face_set(videos: bool = False) -> FaceSet:
    """People of unlike vectors; the last photo of each is spoiled, and its quality and first part say so."""
    chance = np.random.default_rng(3)
    names, people, groups, rows, quality = [], [], [], [], []
    for number in range(PEOPLE):
        centre = chance.normal(size=DIMENSION)
        for shot in range(PHOTOS):
            spoilt = shot == PHOTOS - 1
            row = centre / np.linalg.norm(centre) + chance.normal(size=DIMENSION) * (0.4 if spoilt else 0.06)
            rows.append(row / np.linalg.norm(row))
            quality.append(0.2 if spoilt else 0.9)
            person = f"p{number:02}"
            group = f"{person}/{shot // 2}" if videos else person
            names.append(f"{group}/{person}_{shot + 1:04d}.jpg")
            people.append(person)
            groups.append(group)
    good = np.array(quality, np.float32)
    return FaceSet(
        names=tuple(names),
        people=tuple(people),
        groups=tuple(groups),
        found=np.ones(len(names), np.bool_),
        vectors=np.array(rows, np.float32),
        flipped=np.zeros((0, DIMENSION), np.float32),
        quality=good,
        parts=np.stack([good, np.ones_like(good)], axis=1),
        part_names=("sharpness", "pose"),
        boxes=np.zeros((len(names), 4), np.float32),
    )


def result(text: str) -> dict[str, Any]:
    (line,) = text.splitlines()
    value: dict[str, Any] = json.loads(line)
    return value


def test_a_score_that_knows_gains_and_a_part_that_does_not_gains_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_quality(make(tmp_path, json=True), face_set(), None, tmp_path)
    found = result(capsys.readouterr().out)
    assert (found["photos"], found["genuine_pairs"], found["detection_failures"]) == (48, 12 * 6, 0)
    assert found["impostor_pairs"] == 48 * 47 // 2 - 12 * 6
    assert found["rejected"] == [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
    assert [point["far"] for point in found["points"]] == [0.01, 0.001]
    for point in found["points"]:
        scores = point["scores"]
        assert list(scores) == ["overall", "sharpness", "pose"]
        assert point["fnmr"] == scores["overall"]["fnmr"][0] > 0.1
        assert scores["overall"]["fnmr"] == sorted(scores["overall"]["fnmr"], reverse=True)
        assert scores["overall"]["gain"] > 0.3
        assert scores["sharpness"] == scores["overall"]
        assert scores["pose"]["fnmr"] == pytest.approx([point["fnmr"]] * 7, abs=1e-4)
        assert scores["pose"]["gain"] == 0.0


def test_the_table_and_the_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = tmp_path / "reject.png"
    run_quality(make(tmp_path), face_set(), None, tmp_path, plot)
    printed = capsys.readouterr().out
    for word in ("at random", "overall", "sharpness", "oracle", "30 %", "FAR 0.001", "72 genuine and 1,056"):
        assert word in printed
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_pairs_of_a_list_and_people_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = tmp_path / "pairs.txt"
    listed.write_text("1 2\np00 1 2\np01 1 4\np00 1 p02 1\np03 1 p01 2\n")
    pairs = read_pairs(listed)
    run_quality(make(tmp_path, json=True), face_set(), pairs, tmp_path)
    found = result(capsys.readouterr().out)
    assert (found["genuine_pairs"], found["impostor_pairs"]) == (2, 2)
    kept = face_set().without(pairs.people)
    assert sorted(set(kept.people)) == [f"p{number:02}" for number in range(4, PEOPLE)]


def test_nobody_left_is_told(tmp_path: Path) -> None:
    alone = face_set().take([0, PHOTOS, 2 * PHOTOS])
    with pytest.raises(EvaluationError, match="there is no genuine pair"):
        run_quality(make(tmp_path), alone, None, tmp_path)
    with pytest.raises(EvaluationError, match="there is no impostor pair"):
        run_quality(make(tmp_path), face_set().take([0, 1]), None, tmp_path)


def test_pairs_whose_photos_are_missing_are_told_before_models_are_loaded(tmp_path: Path) -> None:
    photos = write_people(tmp_path / "photos", photos=2)
    with pytest.raises(EvaluationError, match="that the pairs name cannot be had"):
        quality_command(photos, pairs=write_pairs(tmp_path / "pairs.txt"), data=tmp_path / "data")

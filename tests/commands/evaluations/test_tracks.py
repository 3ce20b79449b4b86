"""`evaluate tracks` on made-up faces: what is printed, who is reported apart, and the plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.errors import EvaluationError
from engines.evaluation.tracks import Sampling
from pipeline.commands.evaluations.tracks import PRODUCT, product_rule, run_tracks, tracks
from pipeline.matching.fusion import BestShots, Shot
from tests.commands.painted_photos import make
from tests.engines.evaluation.test_tracks import face_set

SAMPLING = Sampling(draws=20, seed=7)


def result(text: str) -> dict[str, Any]:
    (line,) = text.splitlines()
    value: dict[str, Any] = json.loads(line)
    return value


def test_the_json_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_tracks(make(tmp_path, json=True), face_set(12, 2, 3, 0.8), SAMPLING, None, None)
    printed = capsys.readouterr()
    found = result(printed.out)
    assert (found["draws"], found["seed"], found["max_frames"], found["subsets"]) == (20, 7, 8, 10)
    (group,) = found["groups"]
    assert group["of"] == "all"
    report = group["report"]
    assert (report["people"], report["videos"], report["frames"]) == (12, 24, 72)
    assert [(row["rule"], row["frames"], row["far"]) for row in report["rows"][:3]] == [
        ("single frame", 1, 0.001),
        ("single frame", 1, 0.01),
        ("mean", 2, 0.001),
    ]
    assert len(report["rows"]) == 2 + 2 * 4 * 2
    assert {"low", "high"} == set(report["rows"][0]["error_interval"])
    assert "FAR 0.001 is 0.3 of 264 impostor pairs" in printed.err


def test_people_of_a_pairs_file_and_the_others_are_reported_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("1 2\np00 1 2\np01 1 2\np00 1 p02 1\np03 1 p01 2\n")
    run_tracks(make(tmp_path, json=True), face_set(12, 2, 2, 0.8), SAMPLING, pairs, None)
    groups = result(capsys.readouterr().out)["groups"]
    assert [(each["of"], each["report"]["people"]) for each in groups] == [
        ("all", 12),
        ("in pairs.txt", 4),
        ("not in pairs.txt", 8),
    ]


def test_the_table_and_the_plot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plot = tmp_path / "tracks.png"
    run_tracks(make(tmp_path), face_set(12, 2, 3, 0.8), SAMPLING, None, plot)
    text = capsys.readouterr().out
    assert "12 people, 24 videos, 72 frames" in text
    assert "mean of pairs" in text
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_the_products_rule_is_the_products_code() -> None:
    chance = np.random.default_rng(0)
    vectors = chance.normal(size=(7, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    quality = np.linspace(0.1, 0.9, 7).astype(np.float32)
    shots = BestShots(5)
    for index, (vector, judged) in enumerate(zip(vectors, quality.tolist(), strict=True)):
        shots.add(Shot(vector, judged, index))
    np.testing.assert_array_equal(product_rule(5)(vectors, quality), shots.fuse().template)
    by_hand = (vectors[2:] * quality[2:, None]).sum(axis=0)
    np.testing.assert_allclose(
        product_rule(5)(vectors, quality), by_hand / np.linalg.norm(by_hand), atol=1e-6
    )
    assert PRODUCT.startswith("quality-weighted")


def test_a_set_without_two_videos_of_anybody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no genuine pair"):
        run_tracks(make(tmp_path), face_set(4, 1, 2, 0.5), SAMPLING, None, None)


@pytest.mark.models
@pytest.mark.data
@pytest.mark.slow
def test_three_real_frames_fused_err_at_most_seven_tenths_of_one(
    test_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks(test_data / "ytf_frames.tar", draws=100, data=tmp_path, json_=True)
    (group,) = result(capsys.readouterr().out)["groups"]
    report = group["report"]
    assert (report["people"], report["videos"], report["without_face"]) == (100, 200, 0)
    ratios = [row["ratio"] for row in report["rows"] if (row["rule"], row["frames"]) == (PRODUCT, 3)]
    assert len(ratios) == 2
    assert max(ratios) <= 0.7

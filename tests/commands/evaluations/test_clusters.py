"""`evaluate clusters`: the product's groups against people, and linkages compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.schema import Clustering, Config
from pipeline.commands.context import Context
from pipeline.commands.evaluations.clusters import chosen, run_clusters
from pipeline.errors import BadInputError
from tests.commands.painted_photos import make
from tests.engines.evaluation.face_sets import made_set

NAMES = [f"{person}/{photo}.jpg" for person in "abcd" for photo in range(3)] + ["e/0.jpg"]


def context(tmp_path: Path, as_json: bool = True, max_distance: float | None = 1.0) -> Context:
    config = Config(clustering=Clustering(max_distance=max_distance))
    return replace(make(tmp_path, as_json), config=config)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_configured_grouping_is_one_line_and_the_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_clusters(context(tmp_path), made_set(NAMES), compare=False)
    line, end = lines(capsys.readouterr().out)
    assert line == end
    assert end == {
        **{"linkage": "average", "threshold": 1.0, "threshold_from": "configuration"},
        **{"faces": 13, "people": 5, "clusters": 5, "whole_people": 5},
        **{"pairwise_precision": 1.0, "pairwise_recall": 1.0, "pairwise_f": 1.0},
        **{"b_cubed_precision": 1.0, "b_cubed_recall": 1.0, "b_cubed_f": 1.0},
    }


def test_linkages_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_clusters(context(tmp_path, max_distance=None), made_set(NAMES), compare=True)
    *rows, end = lines(capsys.readouterr().out)
    assert [row["linkage"] for row in rows[:4]] == ["average", "complete", "single", "ward"]
    assert [row["threshold_from"] for row in rows] == ["configuration"] * 4 + ["this set"] * 4
    assert len({row["threshold"] for row in rows[:4]}) == 1
    assert end == rows[0]


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_clusters(context(tmp_path, as_json=False), made_set(NAMES), compare=True)
    printed = capsys.readouterr().out
    assert "13 faces of 5 people" in printed
    assert printed.count("best here") == 4


def test_who_takes_part() -> None:
    faces = made_set(NAMES, found=[name != "d/2.jpg" for name in NAMES])
    assert set(chosen(faces, 1).people) == set("abcde")
    assert len(chosen(faces, 1)) == 12
    assert set(chosen(faces.without(set("a")), 3).people) == {"b", "c"}
    with pytest.raises(BadInputError, match="nothing to group"):
        chosen(faces, 4)

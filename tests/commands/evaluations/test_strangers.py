"""`evaluate strangers` on made-up faces: rows, the JSON, galleries, and who is played apart."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.load import load
from pipeline.commands.context import Context
from pipeline.commands.evaluations.stranger_play import Enrolled, appearances
from pipeline.commands.evaluations.strangers import SWEPT, Play, run_strangers, strangers
from pipeline.errors import BadInputError
from tests.commands.painted_photos import make
from tests.engines.evaluation.face_sets import made_set

NAMES = [f"{person}/{video}/{frame}.jpg" for person in "abcde" for video in range(2) for frame in range(3)]
PLAY = Play(orders=2, seed=0, enrolled=0, sweep=False)


def context(tmp_path: Path, *keys: str, as_json: bool = True) -> Context:
    return replace(make(tmp_path, as_json), config=load(None, {}, keys or ["strangers.max_distance=0.8"]))


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_row_for_videos_and_one_for_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_strangers(context(tmp_path), made_set(NAMES), None, None, PLAY)
    videos, frames, result = lines(capsys.readouterr().out)
    assert result == videos
    assert videos == {
        **{"of": "all", "shown": "videos", "max_fpir": 0.01, "max_distance": 0.8},
        **{"sightings": 10.0, "people": 5.0, "ids": 5.0, "ids_per_person": 1.0, "split_people": 0.0},
        **{"mixed_ids": 0.0, "purity": 1.0, "b_cubed_precision": 1.0, "b_cubed_recall": 1.0},
        **{"b_cubed_f": 1.0, "named": 0.0, "named_wrongly": 0.0},
    }
    assert (frames["shown"], frames["sightings"], frames["ids_per_person"]) == ("frames", 30.0, 1.0)


def test_the_orders_are_drawn_by_the_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tight = context(tmp_path, "strangers.max_distance=0.28", "strangers.max_vectors=1")
    for play in (PLAY, PLAY, replace(PLAY, seed=5)):
        run_strangers(tight, made_set(NAMES), None, None, play)
    found = lines(capsys.readouterr().out)
    assert found[:3] == found[3:6] != found[6:]


def test_rates_are_swept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    derived = context(tmp_path, "strangers.max_fpir=0.02")
    run_strangers(derived, made_set(NAMES), None, None, replace(PLAY, sweep=True))
    videos = [row for row in lines(capsys.readouterr().out)[:-1] if row["shown"] == "videos"]
    assert [row["max_fpir"] for row in videos] == [0.02, *(rate for rate in SWEPT if rate != 0.02)]
    distances = {row["max_fpir"]: row["max_distance"] for row in videos}
    assert distances[0.001] < distances[0.02] <= distances[0.2]


def test_people_of_a_pairs_file_and_the_others_are_played_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("1 1\na 1 2\na 1 b 1\n")
    run_strangers(context(tmp_path), made_set(NAMES), None, pairs, PLAY)
    rows = lines(capsys.readouterr().out)[:-1]
    assert [(row["of"], row["people"]) for row in rows if row["shown"] == "videos"] == [
        ("all", 5.0),
        ("in pairs.txt", 2.0),
        ("not in pairs.txt", 3.0),
    ]


def test_others_pass_by_and_are_not_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crowd = made_set([f"{person}/0.jpg" for person in "abxyz"])
    run_strangers(context(tmp_path), made_set(NAMES), crowd, None, PLAY)
    videos = lines(capsys.readouterr().out)[0]
    assert (videos["sightings"], videos["people"], videos["ids"]) == (10.0, 5.0, 5.0)


def test_enrolled_people_are_named_and_no_strangers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = ["strangers.max_distance=0.8", "matching.max_distance=0.8"]
    run_strangers(context(tmp_path, *keys), made_set(NAMES), None, None, replace(PLAY, enrolled=2))
    videos = lines(capsys.readouterr().out)[0]
    assert (videos["people"], videos["sightings"], videos["ids"]) == (3.0, 6.0, 3.0)
    assert (videos["named"], videos["named_wrongly"]) == (2.0, 0.0)
    with pytest.raises(BadInputError, match="--enrolled 9: there are 5 people"):
        run_strangers(context(tmp_path, *keys), made_set(NAMES), None, None, replace(PLAY, enrolled=9))


def test_a_name_needs_the_distance_and_the_margin() -> None:
    vectors = np.eye(3, dtype=np.float32)
    gallery = Enrolled(("Ann", "Bob"), vectors[:2], max_distance=0.9, min_margin=0.1)
    named = gallery.who(vectors[0])
    assert named is not None
    assert named.name == "Ann"
    assert gallery.who(vectors[2]) is None
    assert gallery.who(np.array([0.7072, 0.7070, 0.0], np.float32)) is None


def test_frames_without_a_face_are_no_sightings(tmp_path: Path) -> None:
    faces = made_set(NAMES[:6], found=[True, False, True, False, False, False])
    (video,) = appearances(faces, 5, whole_videos=True)
    assert (video.person, video.frames) == ("a", 2)
    assert len(appearances(faces, 5, whole_videos=False)) == 2
    with pytest.raises(BadInputError, match="no photo shows a face"):
        run_strangers(context(tmp_path), made_set(NAMES, found=[False] * 30), None, None, PLAY)


def test_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_strangers(context(tmp_path, as_json=False), made_set(NAMES), None, None, PLAY)
    assert "purity" in capsys.readouterr().out


def test_what_is_missing_is_said_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="nowhere"):
        strangers(tmp_path / "nowhere", None, None, 0, 1, 0, False, None, tmp_path, None, True, False)

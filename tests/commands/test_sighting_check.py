"""`calibrate --check --videos`: strangers on video, against hand-made galleries and the cameras' own rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.load import load
from config.schema import Config
from engines.arrays import F32
from engines.errors import EvaluationError
from engines.evaluation.face_set import FaceSet
from pipeline.assemble.run import sighting_rules
from pipeline.commands.calibration_check import CheckPlan
from pipeline.commands.sighting_check import names_given, run_video_check, searched, watched
from pipeline.matching.fusion import BestShots, Shot
from pipeline.types import Candidate, Match
from run_pipeline import main
from tests.commands.painted_photos import make

DIMENSION = 128
PEOPLE, ENROLLED = 150, 100
PLAN = CheckPlan((ENROLLED,), 3, 0)


def vectors(count: int, seed: int = 0) -> F32:
    """Random people (N, D), about 2 apart."""
    found = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def clips(people: F32, shots: int, prefix: str = "p", quality: tuple[float, ...] = (0.9,)) -> FaceSet:
    """A video of each person, all its shots the same vector, of these qualities in turn."""
    rows = np.repeat(people, shots, axis=0)
    groups = [f"{prefix}{row // shots:04d}/0" for row in range(len(rows))]
    return FaceSet(
        names=tuple(f"{group}/{row}.jpg" for row, group in enumerate(groups)),
        people=tuple(group.partition("/")[0] for group in groups),
        groups=tuple(groups),
        found=np.ones(len(rows), np.bool_),
        vectors=rows,
        flipped=rows[:0],
        quality=np.resize(np.array(quality, np.float32), len(rows)),
        parts=np.zeros((len(rows), 0), np.float32),
        part_names=(),
        boxes=np.zeros((len(rows), 4), np.float32),
    )


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def shots(*distances: float, track: int = 0, first: int = 1) -> list[Match]:
    """A track's searches, each with Ann at this distance and Bob far away."""
    near = [(Candidate("Ann", "Ann", distance), Candidate("Bob", "Bob", 2.0)) for distance in distances]
    return [
        Match(track, vectors(1)[0], count, 1.0, 0.9, found) for count, found in enumerate(near, start=first)
    ]


def test_a_sighting_is_named_by_the_cameras_rule() -> None:
    rules = sighting_rules(Config(), max_distance=0.9)
    assert names_given(shots(0.5, 0.5, 0.95, 0.99, 0.95), rules) == [None, "Ann", "Ann", None, None]
    assert names_given(shots(0.5, 0.95), rules) == [None, None]


def test_another_track_is_another_sighting_and_inherits_no_name() -> None:
    rules = sighting_rules(Config(), max_distance=0.9)
    taken_over = [*shots(0.5, 0.5), *shots(0.95, track=1, first=2)]
    assert names_given(taken_over, rules) == [None, "Ann", None]


def test_templates_grow_as_a_cameras_do() -> None:
    faces = clips(vectors(2), 3, quality=(0.9, 0.05, 0.6))  # cameras do not embed the second
    found = watched(Config(), faces)
    assert found.people == ("p0000", "p0001")
    assert found.video.tolist() == [0, 0, 1, 1]
    assert [match.frames_fused for match in found.matches] == [1, 2, 1, 2]
    best = BestShots(5)
    best.add(Shot(faces.vectors[0], 0.9, 0))
    best.add(Shot(faces.vectors[2], 0.6, 1))
    np.testing.assert_array_equal(found.matches[1].template, best.fuse().template)


def test_the_two_nearest_people_are_found_nearest_first() -> None:
    gallery = vectors(30)
    (match,) = searched(
        watched(Config(), clips(gallery[7:8], 2)).matches[1:], list(map(str, range(30))), gallery
    )
    others = np.sort(2.0 - 2.0 * gallery @ gallery[7])
    assert match.candidates[0].person_id == "7"
    assert [each.distance for each in match.candidates] == pytest.approx(others[:2].tolist(), abs=1e-5)
    (alone,) = searched([match], ["7"], gallery[7:8])
    assert [each.person_id for each in alone.candidates] == ["7"]


def test_who_looks_like_the_enrolled_is_named_as_often_as_they_are_enrolled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = vectors(PEOPLE)
    doubles = clips(people, 2, prefix="double")
    run_video_check(make(tmp_path, json=True), clips(people, 1), doubles, PLAN)
    row, about = printed(capsys)
    assert (row["people"], row["videos"], row["draws"]) == (ENROLLED, PEOPLE, 3)
    for name in ("frame", "template", "named", "kept"):
        assert row[name] == pytest.approx(ENROLLED / PEOPLE, abs=1e-4)
    assert row["named_low"] < row["named"] < row["named_high"]
    assert (about["videos"], about["video_people"], about["shots"]) == (PEOPLE, PEOPLE, 2 * PEOPLE)
    assert about["most_times_promised"] == pytest.approx(row["named"] / row["promised"], rel=1e-3)


def test_nobody_is_a_stranger_to_a_gallery_they_are_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = vectors(PEOPLE)
    run_video_check(make(tmp_path, json=True), clips(people, 1), clips(people, 2), PLAN)
    row = printed(capsys)[0]
    assert row["videos"] == PEOPLE - ENROLLED
    assert row["named"] == row["frame"] == 0.0


def test_the_videos_as_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_video_check(make(tmp_path), clips(vectors(PEOPLE), 1), clips(vectors(9, seed=1), 2, "x"), PLAN)
    text = capsys.readouterr().out
    assert "named" in text
    assert f"│ {ENROLLED} " in text


def test_videos_that_say_nothing_are_refused(tmp_path: Path) -> None:
    people = vectors(PEOPLE)
    with pytest.raises(EvaluationError, match="no video has 2 faces that are good enough"):
        run_video_check(make(tmp_path), clips(people, 1), clips(people, 1), PLAN)
    with pytest.raises(EvaluationError, match="in a gallery of 100 everybody seen is enrolled"):
        run_video_check(make(tmp_path), clips(people, 1), clips(people[:1], 2), CheckPlan((ENROLLED,), 20, 0))
    with pytest.raises(EvaluationError, match="50 must be left as strangers"):
        run_video_check(make(tmp_path), clips(people, 1), clips(people, 2), CheckPlan((140,), 1, 0))


def test_videos_need_galleries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--videos", "a", "--data", str(tmp_path)]) == 2
    assert "give both" in capsys.readouterr().err


def test_shots_needed_for_a_name_are_the_configurations() -> None:
    config = load(None, {}, ["sightings.min_shots=3"])
    assert len(watched(config, clips(vectors(2), 3)).people) == 2
    with pytest.raises(EvaluationError, match="3 faces"):
        watched(config, clips(vectors(2), 2))


@pytest.mark.models
@pytest.mark.data
@pytest.mark.slow
def test_strangers_on_video_are_named_no_more_often_than_promised(
    test_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--check", str(test_data / "lfw_view2.tar"), "--videos", str(test_data / "ytf_frames.tar")]
    assert main(["calibrate", *given, "--sizes", "100,1000", "--data", str(tmp_path), "--json"]) == 0
    *rows, about = printed(capsys)
    assert [row["people"] for row in rows] == [100, 1000]
    assert (about["videos"], about["video_people"]) == (200, 100)
    assert about["most_times_promised"] <= 1.0

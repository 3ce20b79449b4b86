"""`calibrate`: what a gallery comes to, strangers of one's own, and promised against measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.load import load
from config.schema import Config
from engines.arrays import F32
from engines.errors import EvaluationError
from engines.evaluation.face_set import FaceSet
from engines.strangers import Strangers
from pipeline.commands.calibrate import parse_sizes, run_strangers
from pipeline.commands.calibration_check import CheckPlan, Held, _missed, run_check
from pipeline.commands.calibration_report import run_gallery
from pipeline.commands.thresholds import described, own_file
from pipeline.errors import BadInputError
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.commands.painted_photos import make

MODEL_ID = described(Config()).model_id
DIMENSION = 128


def vectors(count: int, pull: float = 0.0, seed: int = 0) -> F32:
    """Random people (N, D); the more `pull`, the more alike."""
    found = np.random.default_rng(seed).normal(size=(count, DIMENSION)) + pull
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def enroll(data: Path, people: F32) -> None:
    with Store(data) as store:
        for number, vector in enumerate(people):
            store.enroll(
                f"P {number}", [NewTemplate(MODEL_ID, vector, 0.9, f"{number}.png", f"{number:064}")]
            )


def photos(people: F32, each: int = 1) -> FaceSet:
    """A set with `each` photos of these people, the others near the first; the last one shows no face."""
    count = len(people) * each
    shaken = np.repeat(people, each, axis=0) + 0.03 * np.random.default_rng(1).normal(size=(count, DIMENSION))
    rows = np.asarray(shaken / np.linalg.norm(shaken, axis=1, keepdims=True), np.float32)
    names = [f"p{row // each:04d}" for row in range(count)]
    return FaceSet(
        names=tuple(f"{name}/{row}.jpg" for row, name in enumerate(names)),
        people=tuple(names),
        groups=tuple(names),
        found=np.arange(count) < count - 1,
        vectors=rows,
        flipped=rows[:0],
        quality=np.ones(count, np.float32),
        parts=np.zeros((count, 0), np.float32),
        part_names=(),
        boxes=np.zeros((count, 4), np.float32),
    )


def gallery(data: Path, *assignments: str, as_json: bool = True) -> int:
    return run_gallery(replace(make(data, as_json), config=load(None, {}, assignments)))


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_json_object_of_a_gallery(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enroll(tmp_path, vectors(40))
    assert gallery(tmp_path) == 0
    (found,) = printed(capsys)
    assert (found["people"], found["templates"], found["model_id"]) == (40, 40, MODEL_ID)
    assert found["kept"] is True
    assert found["obstacle"] is None
    assert found["max_fpir"] == 0.01
    assert found["promised_fpir"] == pytest.approx(0.01, rel=0.02)
    assert found["max_distance"] == found["used_distance"]
    assert found["said"][0] == f"1 % of strangers is kept: names are given below {found['max_distance']:.2f}"
    assert [row["max_fpir"] for row in found["rates"]] == [0.001, 0.003, 0.01, 0.03, 0.1]
    assert [row["people"] for row in found["grown"]] == [80, 400]
    distances = [row["max_distance"] for row in (*reversed(found["grown"]), *found["rates"][2:])]
    assert distances == sorted(distances)
    assert found["alike"] == []
    assert found["strangers"]["people"] == 1468


def test_people_read_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enroll(tmp_path, vectors(40))
    assert gallery(tmp_path, as_json=False) == 0
    text = capsys.readouterr().out
    assert text.startswith(
        f"people: 40, templates: 40 of {MODEL_ID}\n1 % of strangers is kept: names are given"
    )
    assert "photos recognised" in text
    assert " 400 " in text


def test_a_gallery_that_is_too_alike_is_exit_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enroll(tmp_path, vectors(40, pull=2.0))
    assert gallery(tmp_path) == 1
    (found,) = printed(capsys)
    assert (found["kept"], found["obstacle"]) == (False, "alike")
    assert found["likeness"] > 10
    assert found["said"][0].startswith("too alike: the gallery's people are ")
    assert gallery(tmp_path, as_json=False) == 1
    assert "too alike" in capsys.readouterr().out


def test_a_rate_too_low_for_so_many_is_no_fault_of_theirs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enroll(tmp_path, vectors(40))
    assert gallery(tmp_path, "matching.max_fpir=1e-7") == 1
    (found,) = printed(capsys)
    assert found["obstacle"] == "large"
    assert found["continued"] is True
    assert "too large: with 40 people" in found["said"][0]


def test_one_person_under_two_names_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = vectors(40)
    people[9] = people[4]
    enroll(tmp_path, people)
    assert gallery(tmp_path, as_json=False) == 0
    text = capsys.readouterr().out
    assert "perhaps one person under two names" in text
    gallery(tmp_path)
    (pair,) = printed(capsys)[0]["alike"]
    assert {pair["a"]["name"], pair["b"]["name"]} == {"P 4", "P 9"}
    assert (pair["distance"], pair["one_person"]) == (pytest.approx(0.0, abs=1e-4), True)


def test_a_distance_that_is_set_is_reported_with_its_rate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enroll(tmp_path, vectors(40))
    gallery(tmp_path, "matching.max_distance=1.2")
    (found,) = printed(capsys)
    assert found["used_distance"] == 1.2
    assert found["used_fpir"] > 0.05
    assert found["said"][1].startswith("matching.max_distance 1.20 is set and taken instead: ")


def test_few_people_are_bounded_by_verification(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enroll(tmp_path, vectors(2))
    assert gallery(tmp_path) == 0
    (found,) = printed(capsys)
    assert found["max_distance"] == found["verification_distance"]
    assert "names are never laxer than two photos are" in found["said"][1]


def test_an_empty_gallery_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gallery(tmp_path) == 0
    assert printed(capsys)[0]["people"] == 0
    assert gallery(tmp_path, as_json=False) == 0
    assert "nobody is enrolled" in capsys.readouterr().out


def test_templates_of_another_model_are_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(tmp_path) as store:
        store.enroll("Ann", [NewTemplate("older", vectors(1)[0], 0.9, "ann.png", f"{1:064}")])
    assert gallery(tmp_path, as_json=False) == 0
    said = capsys.readouterr()
    assert f"people whom other models than {MODEL_ID} alone know: 1; upgrade --status" in said.err
    assert f"nobody is enrolled with {MODEL_ID}" in said.out


def test_own_strangers_are_kept_in_the_data_folder_and_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    context = make(tmp_path, json=True)
    run_strangers(context, photos(vectors(150), each=2), "site", None)
    (found,) = printed(capsys)
    path = own_file(tmp_path, MODEL_ID)
    assert found["file"] == str(path)
    assert (found["people"], found["photos"], found["without_face"]) == (150, 299, 1)
    assert [row["far"] for row in found["far"]] == [0.01, 0.001, 0.0001, 0.00001]
    assert Strangers.read(path).source == "site, by: python run_pipeline.py calibrate --strangers site"
    enroll(tmp_path, vectors(5))
    gallery(tmp_path)
    assert printed(capsys)[0]["strangers"]["people"] == 150


def test_own_strangers_as_a_table_and_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "other.json"
    run_strangers(make(tmp_path), photos(vectors(150)), "site", out)
    text = capsys.readouterr().out
    assert "149 people, 149 photos (1 without a face left out): 11,026 pairs of two people, 0 of one" in text
    assert "1e-05 (continued)" in text
    assert f"written: {out}" in text
    assert not own_file(tmp_path, MODEL_ID).exists()


def test_promised_against_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = make(tmp_path, json=True)
    run_strangers(context, photos(vectors(600, seed=1)), "site", None)
    capsys.readouterr()
    run_check(context, photos(vectors(800, seed=2), each=2), CheckPlan((20, 100, 5000), 4, 2))
    output = capsys.readouterr()
    *rows, about = [json.loads(line) for line in output.out.splitlines()]
    assert "a gallery of 5000 is not drawn: the set has 800 people" in output.err
    at_large = [row for row in rows if row["gallery"] == "any"]
    assert [(row["people"], row["strangers"]) for row in at_large] == [(20, 780), (100, 700)]
    for row in at_large:
        assert row["lowest"] <= row["measured"] <= row["highest"]
        assert row["named"] <= row["measured"]
        assert row["missed"] is not None
        assert row["at_large"] is None
    assert 1.0 <= about["worst_ratio"] < 5.0
    assert {row["gallery"] for row in rows} == {"any", "group 1", "group 2"}
    assert all(row["at_large"] is not None for row in rows if row["gallery"] != "any")


def test_the_check_as_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_check(make(tmp_path), photos(vectors(200)), CheckPlan((1, 20), 2, 0))
    text = capsys.readouterr().out
    assert "promised" in text
    assert "any" in text
    assert "group 1" not in text


def test_a_set_too_small_to_check_with_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        EvaluationError, match="the set has 29 people, and 50 must be left as strangers; give a"
    ):
        run_check(make(tmp_path), photos(vectors(30)), CheckPlan((100,), 2, 0))


@pytest.mark.parametrize(("text", "sizes"), [("100,10,10", (10, 100)), ("5", (5,))])
def test_sizes(text: str, sizes: tuple[int, ...]) -> None:
    assert parse_sizes(text) == sizes


@pytest.mark.parametrize("text", ["", "a", "0", "10,-5", "1.5"])
def test_what_are_no_sizes(text: str) -> None:
    with pytest.raises(BadInputError, match="not numbers of people"):
        parse_sizes(text)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--strangers", "a", "--check", "b"], "two runs"),
        (["--out", "a.json"], "give both"),
        (["--strangers", "a", "--out", "a.txt"], "name a file that ends in .json"),
        (["--strangers", "a", "--out", "no-such-folder/a.json"], "there is no folder no-such-folder"),
        (["--check", "nowhere"], "no such folder"),
        (["--strangers", "nowhere"], "no such folder"),
    ],
)
def test_wrong_arguments_are_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    assert main(["calibrate", *argv, "--data", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_the_command_prints_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    enroll(tmp_path, vectors(3))
    assert main(["calibrate", "--json", "--data", str(tmp_path)]) == 0
    assert printed(capsys)[0]["people"] == 3


@pytest.mark.models
@pytest.mark.data
@pytest.mark.slow
def test_the_statistics_that_ship_are_what_the_command_makes(test_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "made.json"
    given = ["--strangers", str(test_data / "lfw_dev.tar"), "--out", str(out), "--data", str(tmp_path)]
    assert main(["calibrate", *given]) == 0
    path = described(Config()).strangers
    assert path is not None
    made, shipped = Strangers.read(out), Strangers.read(path)
    assert (made.people, made.pairs, made.same_pairs) == (shipped.people, shipped.pairs, shipped.same_pairs)
    assert made.source == shipped.source
    # another processor may compute another precision
    assert made.distances == pytest.approx(shipped.distances, abs=0.02)


@pytest.mark.models
@pytest.mark.data
@pytest.mark.slow
def test_the_promise_is_kept_on_people_whom_the_statistics_do_not_know(
    test_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Issue 3: promised 1 %, measured within a factor of two at 100, 500, 1,000 and 3,000 people."""
    given = ["--check", str(test_data / "lfw_view2.tar"), "--groups", "0", "--data", str(tmp_path)]
    assert main(["calibrate", *given, "--json"]) == 0
    *rows, about = printed(capsys)
    assert [row["people"] for row in rows] == [100, 500, 1000, 3000]
    assert about["worst_ratio"] < 2.0


def test_who_is_missed_by_the_whole_rule() -> None:
    """People 0 and 1 are enrolled; photos of 0, 0, 1 and of 2, who is not."""
    mates = np.array([[0.5, 1.0, 0.0], [0.5, 0.625, 0.0], [0.25, 1.0, 0.0], [0.0, 1.0, 0.0]], np.float32)
    held = Held(("a", "b", "c"), np.zeros((3, 2), np.float32), mates[:3], mates, np.array([0, 0, 1, 2]))
    both = np.array([0, 1])
    assert _missed(held, both, 0.75, 0.25) == pytest.approx(2 / 3), (
        "one is too near to both, one gets another name"
    )
    assert _missed(held, both, 0.75, 0.125) == pytest.approx(1 / 3), "a margin that is just reached will do"
    assert _missed(held, both, 0.5, 0.125) == 1.0, "a distance that is just reached will not"
    assert _missed(held, np.array([2]), 4.0, 0.25) == 0.0, "nobody else is enrolled"

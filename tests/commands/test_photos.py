"""`enroll`, `identify` and `verify` on real photos with the real models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from run_pipeline import main

pytestmark = [pytest.mark.models, pytest.mark.data]

PHOTOS = {
    "Alex Lacamoire": "alex-lacamoire.png",
    "Barack Obama": "obama.jpg",
    "Joe Biden": "biden.jpg",
    "Lin-Manuel Miranda": "lin-manuel-miranda.png",
}


@pytest.fixture(scope="module")
def data(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, file in PHOTOS.items():
        assert main(["enroll", name, str(photos / file), "--data", str(folder)]) == 0
    return folder


def output(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_second_photo_of_a_person_is_verified(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = str(photos / "alex-lacamoire.png"), str(photos / "alex-lacamoire-2.jpg")
    assert main(["verify", a, b, "--json"]) == 0
    (answer,) = output(capsys)
    assert answer["same"] is True
    assert 0.0 < answer["distance"] < answer["threshold"]


@pytest.mark.parametrize("other", ["biden.jpg", "lin-manuel-miranda.png", "alex-lacamoire.png"])
def test_two_people_are_told_apart(photos: Path, capsys: pytest.CaptureFixture[str], other: str) -> None:
    assert main(["verify", str(photos / "obama.jpg"), str(photos / other), "--json"]) == 1
    (answer,) = output(capsys)
    assert answer["distance"] > answer["threshold"] + 0.2


def test_both_people_of_a_photo_are_named(
    data: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["identify", str(photos / "two_people.jpg"), "--json", "--data", str(data)]) == 0
    (line,) = output(capsys)
    assert [face["identity"]["name"] for face in line["faces"]] == ["Barack Obama", "Joe Biden"]
    for face in line["faces"]:
        assert all(0.0 <= edge <= 1.0 for edge in face["box"])
        assert face["candidates"][1]["distance"] > face["distance"] + 0.5


def test_another_photo_joins_its_person_and_a_wrong_one_does_not(
    data: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    given = [str(photos / "alex-lacamoire-2.jpg"), str(photos / "obama.jpg"), str(photos / "two_people.jpg")]
    assert main(["enroll", "Alex Lacamoire", *given, "--json", "--data", str(data)]) == 0
    joined, taken, ambiguous = output(capsys)
    assert joined["accepted"]
    assert taken["reason"] == "the same image is already enrolled for Barack Obama"
    assert ambiguous["reason"].startswith("2 faces;")

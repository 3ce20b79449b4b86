"""`enroll`: a verdict on every photo, exit 0 when one was accepted, else 2."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.enroll import EnrollRequest, run_enroll
from pipeline.commands.given_photos import given_photos
from pipeline.errors import BadInputError
from pipeline.gallery.painted import PaintedFace
from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.commands.painted_photos import RECOGNISER, enroll_people, make, replica_of, write_photo


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "data") as opened:
        yield opened


def run(store: Store, tmp_path: Path, name: str, *images: Path, as_json: bool = True, **options: bool) -> int:
    context = make(tmp_path / "data", json=as_json)
    request = EnrollRequest(name, given_photos(context, images), **options)
    return run_enroll(context, request, store, replica_of(store), RECOGNISER)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_photo_gets_a_json_line(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_photo(tmp_path / "good.png", PaintedFace(1, box=(48, 45, 144, 135)))
    nobody = write_photo(tmp_path / "nobody.png")
    missing = tmp_path / "missing.png"
    assert run(store, tmp_path, "Ann", good, nobody, missing) == 0
    ann = store.find("Ann")
    first, second, third = lines(capsys)
    assert first == {
        "image": str(good),
        "accepted": True,
        "reason": None,
        "warning": None,
        "look_alikes": [],
        "redundant": False,
        "faces": 1,
        "box": [0.2, 0.25, 0.6, 0.75],
        "quality": 0.8,
        "quality_parts": None,
        "person": {"id": ann.id, "name": "Ann"},
    }
    assert (second["accepted"], second["reason"], second["person"]) == (False, "no face found", None)
    assert (third["image"], third["accepted"]) == (str(missing), False)
    assert third["reason"].startswith("no such file")


def test_the_table_says_why_and_how_many(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "[bold]photos"
    write_photo(folder / "a.png", PaintedFace(1))
    write_photo(folder / "b.png", PaintedFace(1, 1, quality=0.1))
    (folder / "notes.txt").write_text("no photo")
    assert run(store, tmp_path, "Ann [red]Lee[/]", folder, as_json=False) == 0
    printed = capsys.readouterr()
    assert "[bold]photos" in printed.out
    assert "accepted" in printed.out
    assert "quality 0.10; at least 0.40 is needed" in printed.out
    assert (
        f"Ann [red]Lee[/] ({store.find('Ann [red]Lee[/]').id}): 1 of 2 photos accepted, templates now: 1"
        in (printed.out)
    )
    assert "skipped what are no photos: notes.txt" in printed.err


def test_nothing_accepted_is_exit_code_2(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(store, tmp_path, "Ann", write_photo(tmp_path / "a.png"), as_json=False) == 2
    assert "Ann: 0 of 1 photos accepted; nobody was enrolled" in capsys.readouterr().out
    assert store.people() == ()


def test_the_largest_face_and_force_are_options(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = write_photo(
        tmp_path / "two.png", PaintedFace(1, box=(5, 5, 60, 70)), PaintedFace(2, box=(90, 20, 220, 160))
    )
    other = write_photo(tmp_path / "other.png", PaintedFace(3))
    assert run(store, tmp_path, "Ann", two) == 2
    assert run(store, tmp_path, "Ann", two, largest=True) == 0
    assert run(store, tmp_path, "Ann", other) == 2
    assert run(store, tmp_path, "Ann", other, force=True) == 0
    reasons = [line["reason"] for line in lines(capsys)]
    assert reasons[0] == "2 faces; crop the photo, or give --largest"
    assert reasons[1] is None
    assert "does not look like the other photos of Ann" in reasons[2]
    assert reasons[3] is None


def test_a_look_alike_is_warned_of(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(store, tmp_path, "Ann", write_photo(tmp_path / "a.png", PaintedFace(1))) == 0
    assert run(store, tmp_path, "Bea $(x)", write_photo(tmp_path / "b.png", PaintedFace(1, 1))) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out.splitlines()[1])
    assert [(one["id"], one["name"]) for one in told["look_alikes"]] == [(store.find("Ann").id, "Ann")]
    for warning in (told["warning"], " ".join(printed.err.split())):
        assert "looks like Ann" in warning
        assert warning.endswith("people merge 'Bea $(x)' Ann")


def test_two_names_for_one_face_are_told_from_people_who_look_alike(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    enroll_people(store, [(f"Person {person}", person) for person in range(1, 20)])
    again = write_photo(tmp_path / "again.png", PaintedFace(1, 0, quality=0.9))
    assert run(store, tmp_path, "Somebody", again) == 0
    (told,) = lines(capsys)
    assert [(one["name"], one["one_person"]) for one in told["look_alikes"]] == [("Person 1", True)]
    assert "twins, or one person" in told["warning"]


def test_what_is_redundant_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = [write_photo(tmp_path / f"{shot}.png", PaintedFace(1, shot)) for shot in range(1, 5)]
    with Store(tmp_path / "data", max_templates=3) as store:
        assert run(store, tmp_path, "Ann", *photos, as_json=False) == 0
        printed = capsys.readouterr().out
        assert "accepted, redundant" in printed
        assert "4 of 4 photos accepted, templates now: 3" in printed
        assert "kept 3 of 4 templates: 1 were redundant" in printed
        again = write_photo(tmp_path / "again.png", PaintedFace(1, 1, quality=0.5))
        assert run(store, tmp_path, "Ann", again) == 0
        assert lines(capsys)[0]["redundant"] is True


def test_a_file_name_that_is_no_text_is_kept_as_one(store: Store, tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.png", PaintedFace(1))
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    path.rename(odd)
    assert run(store, tmp_path, "Ann", odd, as_json=False) == 0
    assert store.templates_of(store.find("Ann").id)[0].source == "\\udcff\\udcfe.png"


def test_a_folder_without_photos_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInputError, match="no photo in this folder"):
        given_photos(make(tmp_path), [tmp_path / "empty"])


def test_a_photo_given_twice_is_looked_at_once(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "folder" / "a.png", PaintedFace(1))
    assert given_photos(make(tmp_path), [path, tmp_path / "folder", path]) == (path,)


@pytest.mark.parametrize("name", ["", "a\tb", "x" * 201, "p_0123456789ab"])
def test_a_bad_name_is_one_line_and_loads_no_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    photo = write_photo(tmp_path / "a.png", PaintedFace(1))
    assert main(["enroll", name, str(photo), "--data", str(tmp_path / "data")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1].startswith("facestream: a name must")

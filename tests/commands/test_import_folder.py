"""`people import FOLDER`: judged as `enroll` does, resumable, told of; with painted people instead of a model."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.gallery.painted import PaintedFace
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.watchlists import Watchlists
from tests.commands.painted_import import Importer, opened_importer


@pytest.fixture
def importer(tmp_path: Path) -> Iterator[Importer]:
    with opened_importer(tmp_path) as opened:
        yield opened


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def fill(importer: Importer) -> None:
    """Ann with two photos and a bad one, Bob with one nested, Cy with nothing of use."""
    importer.photo("Ann/1.png", PaintedFace(16))
    importer.photo("Ann/2.png", PaintedFace(16, 8))
    importer.photo("Ann/dark.png", PaintedFace(16, 16, quality=0.1))
    importer.photo("Bob/2026/1.png", PaintedFace(96))
    importer.photo("Cy/nobody.png")


def test_a_folder_a_person(importer: Importer, capsys: pytest.CaptureFixture[str]) -> None:
    fill(importer)
    assert importer.run() == 0
    ann, bob, cy = lines(capsys)
    assert importer.templates() == {"Ann": 2, "Bob": 1}
    assert (ann["person"]["name"], ann["accepted"], ann["enrolled_before"]) == ("Ann", 2, 0)
    (dark,) = ann["rejected"]
    assert dark["image"].endswith("dark.png")
    assert "quality 0.10" in dark["reason"]
    assert (bob["accepted"], bob["rejected"]) == (1, [])
    assert (cy["person"], cy["rejected"][0]["reason"]) == (None, "no face found")


def test_a_second_run_looks_at_nothing_and_says_the_same(
    importer: Importer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    fill(importer)
    importer.photo("Ann/other.png", PaintedFace(224))
    assert importer.run(report=tmp_path / "1.csv") == 0
    first = lines(capsys)
    assert importer.detector.seen == 6
    assert importer.run(report=tmp_path / "2.csv") == 0
    assert importer.detector.seen == 0
    again = lines(capsys)
    assert [one["rejected"] for one in again] == [one["rejected"] for one in first]
    assert [(one["accepted"], one["enrolled_before"]) for one in again] == [(0, 2), (0, 1), (0, 0)]
    assert (tmp_path / "1.csv").read_text() == (tmp_path / "2.csv").read_text()
    (kept,) = (importer.data / "imports").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "Ann" not in kept.read_text()


def test_changed_rules_look_again(importer: Importer, capsys: pytest.CaptureFixture[str]) -> None:
    importer.photo("Ann/two.png", PaintedFace(16), PaintedFace(96, box=(150, 30, 220, 150)))
    assert importer.run() == 2
    assert importer.run() == 2
    assert importer.detector.seen == 0
    assert importer.run(largest=True) == 0
    assert importer.templates() == {"Ann": 1}


def test_a_new_photo_lets_those_unlike_the_others_be_looked_at_again(importer: Importer) -> None:
    importer.photo("Ann/1.png", PaintedFace(16))
    importer.photo("Ann/2.png", PaintedFace(224))
    assert importer.run() == 0
    importer.photo("Ann/3.png", PaintedFace(16, 8))
    assert importer.run() == 0
    assert importer.detector.seen == 2
    assert importer.run() == 0
    assert importer.detector.seen == 0
    assert importer.templates() == {"Ann": 2}


def test_one_image_for_two_people_is_refused(importer: Importer, capsys: pytest.CaptureFixture[str]) -> None:
    photo = importer.photo("Ann/1.png", PaintedFace(16))
    for name in ("Ann/again.png", "Bea/1.png"):
        (importer.people / name).parent.mkdir(exist_ok=True)
        (importer.people / name).write_bytes(photo.read_bytes())
    assert importer.run() == 0
    ann, bea = lines(capsys)
    assert ann["rejected"][0]["reason"] == f"the same image as {photo}"
    assert bea["rejected"][0]["reason"] == f"the same image as {photo}"
    assert importer.run() == 0
    ann, bea = lines(capsys)
    assert (ann["enrolled_before"], bea["rejected"][0]["reason"]) == (
        2,
        "the same image is already enrolled for Ann",
    )


def test_people_who_look_alike_are_told_with_the_way_out(
    importer: Importer, capsys: pytest.CaptureFixture[str]
) -> None:
    importer.photo("Ann/1.png", PaintedFace(16))
    importer.photo("Annie/1.png", PaintedFace(16, 4))
    importer.photo("Bob/1.png", PaintedFace(200))
    assert importer.run(as_json=False) == 0
    assert "people merge p_" in capsys.readouterr().err
    importer.photo("Annette/1.png", PaintedFace(16, 8))
    assert importer.run() == 0
    pair = lines(capsys)[-1]
    assert {one["name"] for one in pair["look_alikes"]} & {"Annette"}
    assert pair["distance"] < 0.5


def test_many_photos_of_one_are_taken_in_parts_and_many_people_in_batches(
    importer: Importer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.commands.import_folder.PHOTOS_AT_ONCE", 3)
    monkeypatch.setattr("pipeline.commands.import_folder.PEOPLE_AT_ONCE", 2)
    for shot in range(8):
        importer.photo(f"Ann/{shot}.png", PaintedFace(16, shot))
    for person in range(5):
        importer.photo(f"P{person}/1.png", PaintedFace(60 + 40 * person))
    assert importer.run() == 0
    assert importer.templates() == {"Ann": 8, **{f"P{person}": 1 for person in range(5)}}
    assert sum(line.get("accepted", 0) for line in lines(capsys)) == 13
    assert importer.run() == 0
    assert importer.detector.seen == 0


def test_everybody_joins_the_list_also_those_who_were_here(importer: Importer) -> None:
    fill(importer)
    with Store(importer.data) as store:
        Watchlists(store.database).create("staff", "let in")
    assert importer.run() == 0
    assert importer.run(watchlist="staff") == 0
    with Store(importer.data) as store:
        assert [one.name for one in Watchlists(store.database).members("staff")] == ["Ann", "Bob"]


def test_consent_is_of_those_who_are_new(importer: Importer) -> None:
    importer.photo("Ann/1.png", PaintedFace(16))
    assert importer.run() == 0
    fill(importer)
    assert importer.run(consent="signed") == 0
    with Store(importer.data) as store:
        assert (store.find("Ann").consent, store.find("Bob").consent) == (None, "signed")


def test_hostile_folders_and_files(importer: Importer, tmp_path: Path) -> None:
    importer.photo("Ann/1.png", PaintedFace(16))
    importer.photo("=cmd()/+1.png")
    importer.photo("a\nb/1.png", PaintedFace(96))
    odd = importer.people / os.fsdecode(b"\xff\xfe")
    odd.mkdir()
    importer.photo("Bob/1.png", PaintedFace(96)).rename(importer.people / "Bob" / os.fsdecode(b"\xff.png"))
    (importer.people / "Empty").mkdir()
    (importer.people / "Ann" / "notes.txt").write_text("no photo")
    (importer.people / "Ann" / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (importer.people / "loose.png").write_bytes(b"x")
    (importer.people / "loop").symlink_to(".")
    assert importer.run(as_json=False, report=tmp_path / "rejects.csv") == 0
    assert importer.templates() == {"Ann": 1, "Bob": 1}
    text = (tmp_path / "rejects.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    reasons = {row["person"]: row["reason"] for row in rows if row["person"]}
    assert set(reasons) == {"Ann", "'=cmd()", "a\\nb", "\\udcff\\udcfe", "Empty"}
    assert "U+000A" in reasons["a\\nb"]
    assert reasons["Empty"] == "no photo in this folder"
    assert {Path(row["photo"]).name for row in rows if not row["person"]} == {"loose.png", "loop"}


def test_nothing_accepted_is_exit_code_2_with_the_first_rejects(
    importer: Importer, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(25):
        importer.photo(f"[b]P{number}/1.png", PaintedFace(16, number, quality=0.1))
    assert importer.run(as_json=False) == 2
    printed = capsys.readouterr().out
    assert "[b]P0/1.png" in printed
    assert "and 5 more; --report FILE lists them" in printed
    assert "25 folders, 25 photos: 0 accepted of 0 people, 25 rejected" in printed


def test_rejects_that_cannot_be_kept_do_not_stop_an_import(
    importer: Importer, caplog: pytest.LogCaptureFixture
) -> None:
    fill(importer)
    importer.data.mkdir()
    (importer.data / "imports").write_text("in the way")
    assert importer.run() == 0
    assert "rejects are not kept" in caplog.text
    assert importer.templates() == {"Ann": 2, "Bob": 1}

"""`evaluate sightings` on painted clips: who is named, missed, taken for somebody else, and left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.capture.photo_set import open_photo_set
from pipeline.capture.synthetic import Actor, SyntheticScene
from pipeline.commands.context import Context
from pipeline.commands.evaluations.clip_gallery import distractors_of, enroll_truth, frames_of, gallery_of
from pipeline.commands.evaluations.clip_memory import RememberingDetector
from pipeline.commands.evaluations.clip_truth import Known, read_truth
from pipeline.commands.evaluations.faces import describe_set
from pipeline.commands.evaluations.sightings import Distractors, Filmed, distractors_given, run_sightings
from pipeline.detection.letterbox import place
from pipeline.detection.look import Look
from pipeline.errors import BadInputError
from pipeline.pixels import HostPixels
from run_pipeline import main
from tests.colour_people import colour_recognition
from tests.commands.evaluations.colour_clips import (
    ANN,
    BOB,
    CID,
    CONFIG,
    CountingDetector,
    write_clip,
    write_photos,
)
from tests.commands.painted_photos import make

TRUTH = """
people:
  Ann: {photos: [ann.png]}
  Bob: {clip: yard.mkv, to_s: 0.5, box: [0, 0, 0.5, 1]}
  Dora: {photos: [cid.png]}  # she has Cid's face
  Cid: {}
clips:
  door.mkv:
    shown:
      - {who: Ann, box: [0, 0, 0.5, 1]}
      - {who: Cid}
  yard.mkv:
    watched: {from_s: 0.6}
    shown: [{who: Bob}]
  roof.mkv:
    shown: [{who: Bob}]  # nobody is to be seen
"""
DOOR = SyntheticScene(
    (
        Actor(ANN, (20, 60, 80, 130), from_s=0.0, to_s=2.0),
        Actor(CID, (220, 60, 280, 130), from_s=0.4, to_s=2.4),
    ),
    frames=75,
)
YARD = SyntheticScene((Actor(BOB, (40, 60, 110, 130)),), frames=50)


@pytest.fixture
def filmed(tmp_path: Path) -> Filmed:
    """Clips, photos and their truth."""
    write_clip(tmp_path / "door.mkv", DOOR)
    write_clip(tmp_path / "yard.mkv", YARD)
    write_clip(tmp_path / "roof.mkv", SyntheticScene((), frames=10))
    write_photos(tmp_path, {"ann.png": ANN, "cid.png": CID})
    (tmp_path / "truth.yaml").write_text(TRUTH)
    return Filmed(read_truth(tmp_path / "truth.yaml", tmp_path, tmp_path), tmp_path, tmp_path)


def context(folder: Path, as_json: bool = True) -> Context:
    return replace(make(folder / "data", as_json), config=CONFIG)


def run(filmed: Filmed, capsys: pytest.CaptureFixture[str], others: Distractors) -> list[Any]:
    """The JSON lines."""
    run_sightings(context(filmed.videos), colour_recognition(CountingDetector()), filmed, others)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


NONE = Distractors(None, (), 0)


def test_every_sighting_is_held_against_the_truth(filmed: Filmed, capsys: pytest.CaptureFixture[str]) -> None:
    *lines, result = run(filmed, capsys, NONE)
    assert [(line["kind"], line["clip"], line["person"], line["ending"]) for line in lines] == [
        ("enrolled", "door.mkv", "Ann", "right"),
        ("enrolled", "yard.mkv", "Bob", "right"),
        ("strangers", "door.mkv", "Cid", "wrong"),
        ("left out", "door.mkv", "Ann", "unknown"),
        ("left out", "yard.mkv", "Bob", "unknown"),
    ]
    cid = lines[2]
    assert [name["name"] for name in cid["names"]] == ["Dora"]
    assert cid["people"] == 3
    assert cid["threshold"] == 0.9
    assert 1.7 < cid["wrong_s"] < 2.0
    assert cid["wrong_frames"] == round(cid["wrong_s"] * 25)
    enrolled, strangers, left_out = result["groups"]
    assert (enrolled["right"]["count"], enrolled["right"]["of"]) == (2, 2)
    assert enrolled["right_after_s"] < 0.2
    assert enrolled["unseen"] == [{"clip": "roof.mkv", "person": "Bob"}]
    assert strangers["names_wrong"] == 1
    assert (left_out["people"], left_out["unknown"]["count"]) == (2, 2)


def test_the_table_tells_what_went_wrong(filmed: Filmed, capsys: pytest.CaptureFixture[str]) -> None:
    run_sightings(context(filmed.videos, False), colour_recognition(CountingDetector()), filmed, NONE)
    printed = capsys.readouterr().out
    assert "2/2 (0.34–1.00)" in printed
    assert "strangers, 3 enrolled: door.mkv #2, Cid: Dora at 0.6 s; distance 0.00 of 0.90" in printed
    assert "enrolled, 3 enrolled: Bob is in roof.mkv and has no sighting" in printed
    assert "95 % intervals (Wilson). At most 2 sightings a row, from 2 clips" in printed


def test_distractors_are_enrolled_beside_them(
    filmed: Filmed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("Zoe", "Yan", "Ann"):
        (tmp_path / "set" / name).mkdir(parents=True)
        write_photos(tmp_path / "set" / name, {"1.png": CID})
    others = Distractors(tmp_path / "set", (1, 2), 0)
    *lines, result = run(filmed, capsys, others)
    assert [(group["distractors"], group["people"]) for group in result["groups"]] == [
        *((0, 3), (0, 3), (0, 2)),
        *((1, 4), (1, 4), (1, 3)),
        *((2, 5), (2, 5), (2, 4)),
    ]
    cids = [line for line in lines if line["person"] == "Cid"]
    # a distractor with the same face makes it too close to call
    assert [(line["distractors"], line["ending"]) for line in cids] == [
        (0, "wrong"),
        (1, "unknown"),
        (2, "unknown"),
    ]
    with pytest.raises(BadInputError, match="--distractor-count 3: the set has only 2 people"):
        run(filmed, capsys, Distractors(tmp_path / "set", (3,), 0))  # the third is called as one of the truth


def test_a_larger_draw_holds_the_smaller(filmed: Filmed, tmp_path: Path) -> None:
    for name in "PQRSTU":
        (tmp_path / "set" / name).mkdir(parents=True)
        write_photos(tmp_path / "set" / name, {"1.png": CID, "2.png": CID})
    recognition = colour_recognition(CountingDetector())
    faces = describe_set(context(tmp_path), recognition, open_photo_set(tmp_path / "set"))
    few, many = (distractors_of(faces, count, 0.0, seed=1) for count in (2, 5))
    assert [one.name for one in few] == [one.name for one in many[:2]]
    assert all(len(one.vectors) == 1 for one in many)
    quality = np.where(np.arange(len(faces)) % 2 == 0, 0.2, 0.8).astype(np.float32)
    poor = replace(faces, quality=quality, vectors=np.eye(len(faces), 64, dtype=np.float32))
    for one in distractors_of(poor, 5, 0.5, seed=1):
        row = faces.people.index(one.name) + 1
        np.testing.assert_array_equal(one.vectors[0], poor.vectors[row], "the first that is good enough")
    other = distractors_of(faces, 5, 0.0, seed=2)
    assert [one.name for one in other] != [one.name for one in many]


def test_a_sighting_of_two_people_is_told_of(filmed: Filmed, capsys: pytest.CaptureFixture[str]) -> None:
    """Ann walks from where the truth has her to where it has Cid: half of her faces are taken for his."""
    walk = SyntheticScene((Actor(ANN, (20, 60, 80, 130), velocity_px_s=(90, 0)),), frames=60)
    write_clip(filmed.videos / "door.mkv", walk)
    lines = run(filmed, capsys, NONE)
    (walked,) = [line for line in lines[:-1] if line["clip"] == "door.mkv" and line["kind"] != "left out"]
    assert 0.5 <= walked["purity"] < 0.6
    assert sum(group["mixed"] for group in lines[-1]["groups"]) >= 1


def test_a_clip_is_looked_at_once_however_often_it_is_run(
    filmed: Filmed, capsys: pytest.CaptureFixture[str]
) -> None:
    detector = CountingDetector()
    run_sightings(context(filmed.videos), colour_recognition(detector), filmed, NONE)
    # nothing moves: nobody, Ann, both, Cid; Bob in the yard; and three photos' and frames' worth of enrolment
    assert detector.pictures == 4 + 1 + 5


def test_a_remembering_detector_answers_as_the_one_it_asks() -> None:
    asked = CountingDetector()
    remembering = RememberingDetector(asked)
    red, green = (np.full((40, 50, 3), colour, np.uint8) for colour in (ANN, BOB))
    first = remembering.detect([red, green, red])
    again = remembering.detect([green, red[:, ::-1]])
    assert asked.pictures == 2
    assert [len(faces) for faces in (*first, *again)] == [1] * 5
    assert np.array_equal(first[1].boxes, again[0].boxes)
    assert len(remembering.detect([red.reshape(50, 40, 3)])[0]) == 1
    assert asked.pictures == 3  # the same bytes in another shape are another picture
    assert remembering.detect([]) == []


def test_a_remembering_detector_knows_how_a_frame_was_looked_at() -> None:
    asked = CountingDetector()
    remembering = RememberingDetector(asked)
    pixels = HostPixels(np.full((40, 50, 3), ANN, np.uint8))
    whole, smaller = (Look(pixels, place(50, 40, longer_px, 32)) for longer_px in (50, 25))

    assert [len(faces) for faces in remembering.look([whole, smaller, whole])] == [1, 1, 1]
    assert [len(faces) for faces in remembering.look([smaller])] == [1]
    assert asked.pictures == 2


def test_people_are_enrolled_as_enroll_would(filmed: Filmed) -> None:
    people = enroll_truth(
        context(filmed.videos),
        colour_recognition(CountingDetector()),
        filmed.truth,
        filmed.videos,
        filmed.photos,
    )
    assert [(one.name, len(one.vectors)) for one in people] == [("Ann", 1), ("Bob", 3), ("Dora", 1)]
    gallery = gallery_of(people, "exact", 64)
    assert list(gallery.people.values()) == ["Ann", "Bob", "Dora"]
    assert gallery.search(people[1].vectors[:1], 1)[0][0].name == "Bob"
    assert len(gallery_of((), "exact", 64)) == 0


def test_frames_to_enroll_from_are_spread_and_cut(filmed: Filmed) -> None:
    shots = list(frames_of(filmed.videos, filmed.truth.people["Bob"]))
    assert [shot.path for shot in shots] == [f"yard.mkv at {at} s" for at in ("0.00", "0.20", "0.36")]
    assert all(shot.image.shape == (240, 160, 3) for shot in shots)


def test_nobody_is_enrolled_without_a_face(filmed: Filmed) -> None:
    truth = filmed.truth.model_copy(update={"people": {"Bob": Known(clip="roof.mkv", to_s=0.1)}})
    with pytest.raises(BadInputError, match=r"Bob cannot be enrolled: roof.mkv at 0.00 s: no face found"):
        enroll_truth(
            context(filmed.videos),
            colour_recognition(CountingDetector()),
            truth,
            filmed.videos,
            filmed.photos,
        )


def test_distractors_need_a_set_and_a_count(tmp_path: Path) -> None:
    assert distractors_given(None, None, 0) == NONE
    assert distractors_given(tmp_path, [9, 3, 9], 1) == Distractors(tmp_path, (3, 9), 1)
    with pytest.raises(BadInputError, match="give --distractors SET too"):
        distractors_given(None, [3], 0)
    with pytest.raises(BadInputError, match="give --distractor-count N too"):
        distractors_given(tmp_path, None, 0)


def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--truth", str(tmp_path / "no.yaml"), "--videos", str(tmp_path), "--photos", str(tmp_path)]
    assert main(["evaluate", "sightings", *given, "--data", str(tmp_path / "data")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no.yaml: cannot be read" in line
    assert main(["evaluate", "sightings", *given, "--distractor-count", "5"]) == 2
    assert "--distractors SET" in capsys.readouterr().err


@pytest.mark.models
@pytest.mark.data
@pytest.mark.slow
def test_the_shared_clips(
    videos: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the sightings of 14 people 12 are named right; Miranda's at the back of the stage and Obama's are missed."""
    truth = Path(__file__).parents[3] / "benchmarks" / "clips.yaml"
    given = ["--truth", str(truth), "--videos", str(videos), "--photos", str(photos)]
    assert main(["evaluate", "sightings", *given, "--json", "--data", str(tmp_path)]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    enrolled, strangers, left_out = result["groups"]
    # One of them is continued after a gap at the very distance that joins; other inputs give 13 to 16.
    assert all(13 <= group["sightings"] <= 16 for group in (enrolled, strangers, left_out))
    assert enrolled["right"]["count"] >= 12
    assert enrolled["names_wrong"] == strangers["names_wrong"] == 0
    assert left_out["names_wrong"] <= 2  # a child and a young man whom the network takes for each other
    assert enrolled["mixed"] == strangers["mixed"] == 0

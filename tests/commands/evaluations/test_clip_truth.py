"""Truth files: what is read, and what is refused with one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from pipeline.commands.evaluations.clip_truth import Box, Clip, Known, Shown, Truth, Watched, read_truth
from pipeline.errors import BadInputError

ROOT = Path(__file__).parents[3]

GOOD = """
people:
  Ann: {photos: [ann.png]}
  Bob: {clip: b.mkv, from_s: 0.5, to_s: 1, box: [0.5, 0, 1, 1]}
  Cid: {}
clips:
  a.mkv:
    shown:
      - {who: Ann, to_s: 2, box: [0, 0, 0.5, 1]}
      - {who: Cid}
  b.mkv:
    watched: {from_s: 1}
    shown: [{who: Bob}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.mkv", "b.mkv", "ann.png"):
        (tmp_path / name).touch()
    return tmp_path


def read(folder: Path, text: str) -> Truth:
    file = folder / "truth.yaml"
    file.write_text(text)
    return read_truth(file, folder, folder)


def test_what_a_truth_says(folder: Path) -> None:
    truth = read(folder, GOOD)
    assert truth.enrolled == ("Ann", "Bob")
    assert truth.people["Ann"] == Known(photos=("ann.png",))
    assert truth.people["Bob"].box == Box(x0=0.5)
    assert truth.clips["b.mkv"].watched == Watched(from_s=1.0)
    assert truth.clips_of("Ann") == ("a.mkv",)
    assert truth.clips_of("Cid") == ("a.mkv",)


def test_a_face_is_of_the_first_entry_that_it_lies_in(folder: Path) -> None:
    clip = read(folder, GOOD).clips["a.mkv"]
    assert clip.who(0.0, 0.5, 0.5) == "Ann"
    assert clip.who(0.0, 0.6, 0.5) == "Cid"
    assert clip.who(2.0, 0.2, 0.5) == "Cid"  # she is gone by then
    assert Clip().who(0.0, 0.5, 0.5) is None


def test_people_outside_the_watched_part_are_not_looked_for() -> None:
    early, late = Shown(who="Ann", to_s=2.0), Shown(who="Bob", from_s=2.0)
    assert Clip(watched=Watched(from_s=2.0), shown=(early, late, late)).people == ("Bob",)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "shown: [{who: Bob}]",
            "shwon: [{who: Bob}]",
            r"clips.b.mkv.shwon: unknown key; did you mean shown\?",
        ),
        ("who: Cid", "who: Cit", r"clips.a.mkv.shown: 'Cit' is none of people; did you mean Cid\?"),
        ("to_s: 2,", "to_s: -2,", "clips.a.mkv.shown.0.to_s: .*greater than or equal to 0"),
        ("to_s: 2,", "to_s: .nan,", "clips.a.mkv.shown.0.to_s: "),
        ("to_s: 2,", "from_s: 3, to_s: 2,", "clips.a.mkv.shown.0: to_s must be above from_s, got 3 to 2"),
        ("[0, 0, 0.5, 1]", "[0, 0, 0.5]", "clips.a.mkv.shown.0.box: a box is a list of four numbers"),
        ("[0, 0, 0.5, 1]", "[0, 0, 5, 1]", "clips.a.mkv.shown.0.box.x1: .*less than or equal to 1"),
        ("[0, 0, 0.5, 1]", "[0.5, 0, 0.5, 1]", "clips.a.mkv.shown.0.box: .*x0 below x1"),
        (
            "watched: {from_s: 1}",
            "watched: {from_s: 0.9}",
            "people.Bob: is enrolled from seconds 0.5 to 1 of b.mkv",
        ),
        ("{photos: [ann.png]}", "{photos: [ann.png], clip: a.mkv, to_s: 1}", "people.Ann: .*not both"),
        ("{photos: [ann.png]}", "{photos: [ann.png], to_s: 1}", "people.Ann: .*belong to a clip; name it"),
        ("from_s: 0.5, to_s: 1,", "from_s: 0.5,", "people.Bob: a clip needs to_s"),
        ("[ann.png]", "[eve.png]", "eve.png is no file; give its folder with --photos"),
        ("  a.mkv:", "  c.mkv:", "c.mkv is no file; give its folder with --videos"),
        ("clips:", "clips: {}\nclipss:", r"clipss: unknown key; did you mean clips\?"),
    ],
)
def test_one_line_says_what_is_wrong_and_where(folder: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(BadInputError, match=message) as caught:
        read(folder, GOOD.replace(old, new))
    assert str(caught.value).startswith(f"{folder / 'truth.yaml'}: ")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "people: is missing"),
        ("people: {}\nclips: {}", "clips: at least one is needed"),
        ("people: [Ann]\nclips: {}", "people: expected keys below it"),
        ("people: {Ann: }\nclips: {b.mkv: {}}", "people.Ann: expected keys below it, or {}"),
        ("people: {Ann: {photos: ann.png}}\nclips: {b.mkv: {}}", "people.Ann.photos: expected a list"),
        ("people: {Ann: {photos: [5]}}\nclips: {b.mkv: {}}", r"people.Ann.photos.0: expected a text"),
    ],
)
def test_a_truth_of_nothing(folder: Path, text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        read(folder, text)


def test_what_is_no_yaml_or_no_file(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"truth\.yaml: line 1"):
        read(folder, "people: {")
    with pytest.raises(ConfigError, match="people is given twice"):
        read(folder, "people: {}\npeople: {}")
    with pytest.raises(BadInputError, match=r"cannot be read \(No such file"):
        read_truth(folder / "none.yaml", folder, folder)
    (folder / "latin.yaml").write_bytes(b"people: {Andr\xe9: {}}")
    with pytest.raises(BadInputError, match="no UTF-8 text"):
        read_truth(folder / "latin.yaml", folder, folder)


@pytest.mark.data
def test_the_truth_of_the_shared_clips_is_whole(videos: Path, photos: Path) -> None:
    truth = read_truth(ROOT / "benchmarks" / "clips.yaml", videos, photos)
    assert len(truth.enrolled) == 14
    assert truth.clips_of("Joe Biden") == ()
    assert truth.clips_of("Lin-Manuel Miranda") == ("hamilton_640x360.mp4",)
    assert truth.clips["hamilton_640x360.mp4"].who(8.0, 0.55, 0.25) == "Barack Obama"

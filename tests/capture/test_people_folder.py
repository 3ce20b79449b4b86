"""A folder a person: names alone, links that lead in circles, pipes, what may not be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.capture.people_folder import files_below, open_people_folder
from pipeline.capture.photo import Skipped
from pipeline.errors import SourceError


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_each_folder_is_a_person_and_the_rest_is_told(tmp_path: Path) -> None:
    write(tmp_path / "Bob" / "1.png")
    write(tmp_path / "Ann" / "1.png")
    write(tmp_path / ".hidden" / "1.png")
    (tmp_path / "Empty").mkdir()
    loose = write(tmp_path / "loose.png")
    found = open_people_folder(tmp_path)
    assert [one.name for one in found.people] == ["Ann", "Bob", "Empty"]
    assert [one.path for one in found.skipped] == [loose]


def test_a_link_is_a_person_unless_it_leads_to_what_holds_it(tmp_path: Path) -> None:
    write(tmp_path / "people" / "Ann" / "1.png")
    write(tmp_path / "elsewhere" / "1.png")
    for name, target in [("Cy", "../elsewhere"), ("loop", "."), ("up", ".."), ("self", "self")]:
        (tmp_path / "people" / name).symlink_to(target)
    found = open_people_folder(tmp_path / "people")
    assert [one.name for one in found.people] == ["Ann", "Cy"]
    assert [one.path.name for one in found.skipped] == ["loop", "self", "up"]


def test_the_files_of_a_person_are_sorted_and_circles_are_not_entered(tmp_path: Path) -> None:
    ann = tmp_path / "Ann"
    files = [write(ann / name) for name in ("2.png", "1.png", "b/2.png", "a/deep/1.png", "a/1.png")]
    write(ann / ".hidden.png")
    write(ann / ".thumbnails" / "1.png")
    (ann / "a" / "circle").symlink_to("..")
    (ann / "gone.png").symlink_to("nowhere.png")
    (ann / "linked.png").symlink_to("1.png")
    os.mkfifo(ann / "pipe.png")
    found = list(files_below(ann))
    two, one, b, deep, a = files
    assert [each for each in found if isinstance(each, Path)] == [one, two, ann / "linked.png", a, deep, b]
    assert {each.path.name: each.reason for each in found if isinstance(each, Skipped)} == {
        "circle": "is a linked folder, which is not entered",
        "gone.png": "is a link to no file",
        "pipe.png": "is no file",
    }


def test_a_folder_that_may_not_be_read_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    found = list(files_below(tmp_path / "missing"))
    assert [(type(each), each.reason) for each in found if isinstance(each, Skipped)] == [
        (Skipped, "may not be read (No such file or directory); change its permissions")
    ]


def test_what_is_no_folder_of_people(tmp_path: Path) -> None:
    write(tmp_path / "loose.png")
    with pytest.raises(SourceError, match="has no folder in it"):
        open_people_folder(tmp_path)
    write(tmp_path / "lfw" / "Ann" / "1.png")
    assert len(open_people_folder(tmp_path).people) == 1
    write(tmp_path / "lfw" / "Bob" / "1.png")
    with pytest.raises(SourceError, match=r"holds one folder of folders; give that one: .*lfw$"):
        open_people_folder(tmp_path)
    with pytest.raises(SourceError, match="may not be read"):
        open_people_folder(tmp_path / "missing")

"""How much pictures take and which are the oldest: the same, looked at in one go or in steps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.gallery.keeping import picture_room
from pipeline.gallery.keeping.picture_room import (
    Look,
    PictureFile,
    every_file,
    is_left_behind,
    oldest_beyond,
)

FILES = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 1000)).map(
        lambda pair: PictureFile(float(pair[0]), f"{pair}", pair[1])
    ),
    max_size=30,
)


@given(FILES, st.integers(0, 5000))
def test_the_oldest_go_and_not_one_more_than_needed(files: list[PictureFile], max_bytes: int) -> None:
    going = oldest_beyond(lambda: files, max_bytes)
    total = sum(file.bytes for file in files)
    freed = sum(file.bytes for file in going)
    assert going == sorted(files)[: len(going)]
    assert total - freed <= max_bytes
    assert not going or total - freed + going[-1].bytes > max_bytes


def fill(data: Path, count: int) -> None:
    for number in range(count):
        path = data / "snapshots" / f"2026-05-{1 + number % 3:02}" / "door" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(number))
        os.utime(path, (number, number))


def test_a_look_in_steps_sees_what_one_at_once_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_room, "IN_ONE_STEP", 7)
    monkeypatch.setattr(picture_room, "OLDEST", 10)
    fill(tmp_path, 50)
    (tmp_path / "snapshots" / "link").symlink_to(tmp_path)
    files = sorted(every_file(tmp_path))
    look = Look(tmp_path)
    while not look.done:
        look.step()
    assert look.files == len(files) == 51
    assert look.bytes == sum(file.bytes for file in files)
    assert look.oldest == files[:10]


def test_there_may_be_no_folder(tmp_path: Path) -> None:
    look = Look(tmp_path)
    look.step()
    assert (look.done, look.bytes, look.oldest) == (True, 0, [])


def test_files_that_were_never_finished_are_told_apart(tmp_path: Path) -> None:
    assert is_left_behind(PictureFile(0.0, ".a.jpg.part", 1), 1000.0)
    assert not is_left_behind(PictureFile(900.0, ".a.jpg.part", 1), 1000.0)
    assert not is_left_behind(PictureFile(0.0, "a.jpg", 1), 1000.0)

"""Who erases a picture tells it first, and who is writing one hears of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.gallery.keeping.erased_pictures import (
    ERASED_FILE,
    KEEP_S,
    ErasedPictures,
    print_of,
    tell_erased,
)


def prints(*names: str) -> set[str]:
    return {print_of(name) for name in names}


def test_what_is_told_is_heard_once(tmp_path: Path) -> None:
    heard = ErasedPictures(tmp_path)
    assert heard.news() == set()
    tell_erased(tmp_path, ["snapshots/a.jpg", "snapshots/b.jpg", "snapshots/a.jpg"])
    assert heard.news() == prints("snapshots/a.jpg", "snapshots/b.jpg")
    assert heard.news() == set()
    tell_erased(tmp_path, [])
    tell_erased(tmp_path, ["snapshots/c.jpg"])
    assert heard.news() == prints("snapshots/c.jpg")


def test_what_was_told_before_is_old_news(tmp_path: Path) -> None:
    """A replay that is run again after somebody was forgotten writes under the same names."""
    tell_erased(tmp_path, ["snapshots/a.jpg"])
    assert ErasedPictures(tmp_path).news() == set()


def test_a_list_of_yesterday_is_begun_anew_and_heard_from_its_beginning(tmp_path: Path) -> None:
    tell_erased(tmp_path, [f"snapshots/{number}.jpg" for number in range(9)])
    heard = ErasedPictures(tmp_path)
    path = tmp_path / ERASED_FILE
    for away in (KEEP_S + 60.0, -KEEP_S - 60.0):  # also after the clock was set back
        then = path.stat().st_mtime - away
        os.utime(path, (then, then))
        tell_erased(tmp_path, ["snapshots/a.jpg"])
        assert path.read_text() == print_of("snapshots/a.jpg") + "\n"
        assert heard.news() == prints("snapshots/a.jpg")
    assert [each.name for each in tmp_path.iterdir()] == [ERASED_FILE]


def test_half_a_line_is_heard_when_it_is_whole(tmp_path: Path) -> None:
    heard = ErasedPictures(tmp_path)
    line = print_of("snapshots/a.jpg") + "\n"
    with (tmp_path / ERASED_FILE).open("w") as file:
        for piece in (line[:20], line[20:]):
            assert heard.news() == set()
            file.write(piece)
            file.flush()
    assert heard.news() == prints("snapshots/a.jpg")


def test_it_is_private_and_a_full_disk_is_told(tmp_path: Path) -> None:
    tell_erased(tmp_path, ["snapshots/a.jpg"])
    assert (tmp_path / ERASED_FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / ERASED_FILE).unlink()
    (tmp_path / ERASED_FILE).mkdir()
    with pytest.raises(StoreError, match="make room, or make it writable"):
        tell_erased(tmp_path, ["snapshots/a.jpg"])
    assert ErasedPictures(tmp_path / "missing").news() == set()

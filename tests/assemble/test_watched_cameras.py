"""The cameras file while it is watched: saved, broken, gone, and back."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from pipeline.assemble.watched_cameras import WatchedCameras
from tests.assemble.test_crew import Stage, camera

TWO = "cameras:\n  - {id: a, url: 'rtsp://u:pw@host/1'}\n  - {id: b, url: 'rtsp://host/2'}\n"
ONE = "cameras:\n  - {id: a, url: 'rtsp://u:pw@host/1'}\n"


def save(path: Path, text: str) -> None:
    """As editors do: another file takes its place."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    os.chmod(beside, 0o600)
    os.replace(beside, path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cameras.yaml"


def watched(path: Path, *given: str) -> tuple[Stage, WatchedCameras]:
    stage = Stage()
    return stage, WatchedCameras(path, [camera(name) for name in given], stage.crew)


def test_what_is_saved_shows_and_what_is_not_changes_nothing(path: Path) -> None:
    save(path, TWO)
    stage, cameras = watched(path, "given")
    assert cameras.load().added == ("given", "a", "b")
    cameras.look()
    save(path, ONE)
    cameras.look()
    cameras.look()
    assert stage.cast.log == ["+given", "+a", "+b", "-b"]


def test_without_a_file_only_the_given_ones_are_watched_until_there_is_one(path: Path) -> None:
    stage, cameras = watched(path, "given")
    assert cameras.load().added == ("given",)
    save(path, ONE)
    cameras.look()
    assert stage.cast.log == ["+given", "+a"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cameras: 5\n", "expected a list"),
        ("cameras:\n  - {id: a}\n", "url"),
        ("cameras:\n  - {id: given, url: 'rtsp://host/2'}\n", "command line"),
        (None, "is gone"),
        ("", "is empty"),
    ],
)
def test_a_broken_file_leaves_everything_and_is_told_once(
    path: Path, text: str | None, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(path, TWO)
    stage, cameras = watched(path, "given")
    cameras.load()
    if text is None:
        path.unlink()
    else:
        save(path, text)
    with caplog.at_level(logging.WARNING):
        cameras.look()
        cameras.look()
        applied = cameras.load()
    assert applied.problem is not None
    assert words in applied.problem
    assert cameras.problem == applied.problem
    assert caplog.text.count("stay as they were") == 1
    assert stage.cast.log == ["+given", "+a", "+b"]
    save(path, ONE)
    with caplog.at_level(logging.INFO):
        cameras.look()
    assert caplog.text.count("is followed again") == 1
    assert stage.cast.log[-1] == "-b"
    assert cameras.problem is None


def test_a_file_that_is_empty_until_it_is_written_is_not_spoken_of(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(path, TWO)
    stage, cameras = watched(path)
    cameras.load()
    save(path, "")
    cameras.look()
    save(path, ONE)
    cameras.look()
    assert stage.cast.log == ["+a", "+b", "-b"]
    assert "is empty" not in caplog.text


def test_a_file_that_everybody_may_read_is_told_of(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(path, ONE)
    path.chmod(0o644)
    _, cameras = watched(path)
    cameras.load()
    cameras.load()
    assert caplog.text.count("chmod 600") == 1
    assert "pw" not in caplog.text

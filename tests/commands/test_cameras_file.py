"""Changing the cameras file: whole or not at all, one at a time, and as private as it was."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from config.cameras import load_cameras
from config.cameras_text import with_camera
from config.errors import ConfigError
from pipeline.commands import cameras_file
from pipeline.commands.cameras_file import edit_cameras
from pipeline.errors import BadInputError, OutsideError
from pipeline.events.file_lock import locked


def add(path: Path, id_: str) -> None:
    edit_cameras(path, lambda text, name: with_camera(text, name, {"id": id_, "url": "rtsp://a:b@c"}))


def left(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def test_mode_and_link_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "cameras.yaml"
    link.symlink_to(real)
    add(link, "a")
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    real.chmod(0o640)
    add(link, "b")
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert [each.id for each in load_cameras(link)] == ["a", "b"]


def test_the_owner_stays(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    path = tmp_path / "cameras.yaml"
    add(path, "a")
    os.chown(path, 12345, 12345)
    add(path, "b")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345)


def test_editors_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    threads = [threading.Thread(target=add, args=(path, f"camera-{number}")) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.id for each in load_cameras(path)) == sorted(
        f"camera-{number}" for number in range(12)
    )
    assert left(path) == [".cameras.yaml.lock", "cameras.yaml"]


def test_an_editor_that_does_not_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cameras_file, "LOCK_TIMEOUT_S", 0.05)
    with (
        locked(tmp_path / ".cameras.yaml.lock"),
        pytest.raises(OutsideError, match="another program has been"),
    ):
        add(tmp_path / "cameras.yaml", "a")


def test_what_a_killed_editor_left_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    (tmp_path / ".cameras.yaml.part").write_text("half")
    add(path, "a")
    assert [each.id for each in load_cameras(path)] == ["a"]
    assert left(path) == [".cameras.yaml.lock", "cameras.yaml"]


def test_a_file_that_cannot_be_written_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cameras.yaml"
    add(path, "a")
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutsideError, match="cannot be written: No space left on device; it is as it was"):
        add(path, "b")
    assert path.read_bytes() == before
    assert left(path) == [".cameras.yaml.lock", "cameras.yaml"]


def test_places_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="there is no folder"):
        add(tmp_path / "no" / "cameras.yaml", "a")
    with pytest.raises(BadInputError, match="is no file"):
        add(tmp_path, "a")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadInputError, match="is no file"):
        add(tmp_path / "pipe", "a")


def test_a_wrong_change_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    add(path, "a")
    before = path.stat()
    with pytest.raises(ConfigError):
        edit_cameras(path, lambda text, name: f"{text}nonsense\n")
    assert path.stat() == before
    edit_cameras(path, lambda text, name: text)
    assert path.stat().st_ino == before.st_ino

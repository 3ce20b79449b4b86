"""One program at a time writes a folder."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest

from pipeline.gallery.disk import alone, sync


def test_whoever_comes_second_waits_until_the_first_is_done(tmp_path: Path) -> None:
    inside, done = Event(), Event()

    def second() -> None:
        with alone(tmp_path):
            inside.set()
        done.set()

    waiting = Thread(target=second)
    with alone(tmp_path):
        waiting.start()
        assert not inside.wait(0.1)
    assert done.wait(10.0)
    waiting.join()


def test_files_and_folders_are_brought_to_the_disk_and_what_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    sync(tmp_path / "file")
    sync(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "none")

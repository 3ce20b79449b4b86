"""One writer at a time, and nothing left behind."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import pytest
from filelock import Timeout

from engines.zoo.lock import folder_lock, scratch_file, scratch_folder


def test_a_second_writer_waits(tmp_path: Path) -> None:
    order: list[str] = []
    started = Event()

    def second() -> None:
        started.set()
        with folder_lock(tmp_path):
            order.append("second")

    thread = Thread(target=second)
    with folder_lock(tmp_path):
        thread.start()
        started.wait(10)
        order.append("first")
    thread.join(10)

    assert order == ["first", "second"]


def test_waiting_can_be_ended(tmp_path: Path) -> None:
    def second() -> None:
        with folder_lock(tmp_path, lambda: True):
            pass

    with ThreadPoolExecutor(1) as pool, folder_lock(tmp_path), pytest.raises(Timeout):
        pool.submit(second).result(10)


def test_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".scratch-x").mkdir()
    (tmp_path / ".scratch-x" / "half").write_bytes(b"half")
    (tmp_path / ".scratch-y").write_bytes(b"half")
    (tmp_path / "whole").write_bytes(b"whole")

    with folder_lock(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} == {"whole", ".lock"}


def test_scratch_does_not_stay(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder, scratch_file(tmp_path / "x") as file:
        (folder / "b").write_bytes(b"b")
        file.write_bytes(b"a")
        assert len(list(tmp_path.iterdir())) == 2

    assert list(tmp_path.iterdir()) == []


def test_a_scratch_file_may_be_renamed(tmp_path: Path) -> None:
    with scratch_file(tmp_path / "a") as file:
        file.write_bytes(b"a")
        os.replace(file, tmp_path / "a")

    (tmp_path / "b").write_bytes(b"b")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode

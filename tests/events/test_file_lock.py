"""Locks that end with their holder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.events.file_lock import is_held, locked

SLEEPER = "import sys; sys.stdin.read()"


def test_it_is_held_by_one_and_let_go_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path):
        assert is_held(path)
        with (
            pytest.raises(TimeoutError, match=r"lock has been locked by others for 0\.05 s"),
            locked(path, timeout_s=0.05),
        ):
            pass
    assert not is_held(path)


def test_sharing_keeps_only_others_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, shared=True), locked(path, shared=True):
        assert is_held(path)
    assert not is_held(path)


def test_a_child_that_was_given_it_holds_it_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE, pass_fds=(descriptor,)
        )
    assert is_held(path)
    child.kill()
    child.communicate(timeout=30)
    assert not is_held(path)


def test_a_child_that_was_not_given_it_does_not(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path):
        child = subprocess.Popen([sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE)
    assert not is_held(path)
    child.communicate(timeout=30)

"""Short socket paths for long folders, and nobody else's folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import BrokerError
from pipeline.events.delivery.socket_path import MAX_BYTES, choose_socket, forget_socket

LONG = "x" * 200


@pytest.fixture(autouse=True)
def temporary_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of the test's own, short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_a_short_folder_holds_its_socket_itself(temporary_folder: Path) -> None:
    assert choose_socket(temporary_folder) == temporary_folder / "redis.sock"


@pytest.mark.parametrize("name", [LONG, os.fsdecode(b"caf\xe9"), "子" * 60])
def test_others_get_a_private_folder_that_is_found_again(temporary_folder: Path, name: str) -> None:
    folder = temporary_folder / name
    socket = choose_socket(folder)
    assert socket == choose_socket(folder)
    assert socket != choose_socket(temporary_folder / (name + "2"))
    assert socket.parent.parent == temporary_folder
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(socket)) <= MAX_BYTES
    forget_socket(folder, socket)
    assert not socket.parent.exists()


def test_a_folder_that_others_can_enter_is_not_used(temporary_folder: Path) -> None:
    folder = temporary_folder / LONG
    private = choose_socket(folder).parent
    private.chmod(0o755)
    with pytest.raises(BrokerError, match="only you can enter: remove it"):
        choose_socket(folder)


def test_a_link_in_its_place_is_not_followed(temporary_folder: Path) -> None:
    folder = temporary_folder / LONG
    private = choose_socket(folder).parent
    private.rmdir()
    private.symlink_to(temporary_folder)
    with pytest.raises(BrokerError, match="only you can enter: remove it"):
        choose_socket(folder)


def test_forgetting_leaves_what_is_not_ours(temporary_folder: Path) -> None:
    folder = temporary_folder / LONG
    socket = choose_socket(folder)
    (socket.parent / "other").touch()
    forget_socket(folder, socket)
    assert (socket.parent / "other").exists()
    forget_socket(temporary_folder, temporary_folder / "redis.sock")
    assert temporary_folder.exists()

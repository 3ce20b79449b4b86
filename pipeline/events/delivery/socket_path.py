"""Where a server's Unix socket may lie: the system allows its path about a hundred bytes."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from pipeline.errors import BrokerError

MAX_BYTES = 103
"""the shortest limit of the systems we run on is 104 (macOS; Linux has 108), the last byte is a zero"""


def choose_socket(folder: Path) -> Path:
    """A path in `folder` where that is short enough, else in a private folder of the temporary folder.

    The name there is a hash of `folder` and the user's number, so that it is found again and cleaned up by its
    next use. Raises BrokerError where no path is short enough or the private folder is somebody else's.
    """
    if _fits(folder / "redis.sock"):
        return folder / "redis.sock"
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    for place in (tempfile.gettempdir(), "/tmp"):
        private = Path(place) / f"facestream-{os.getuid()}-{name}"
        if _fits(private / "redis.sock"):
            _make_private(private)
            return private / "redis.sock"
    raise BrokerError(f"{tempfile.gettempdir()} is too long for a Redis socket: set TMPDIR to a short path")


def forget_socket(folder: Path, socket: Path) -> None:
    """Remove what `choose_socket` made for a server of `folder` that has gone."""
    with suppress(OSError):
        socket.unlink(missing_ok=True)
        if socket.parent != folder:
            socket.parent.rmdir()


def _fits(path: Path) -> bool:
    """Short enough, and text: an address is a text."""
    try:
        return len(str(path).encode("utf-8")) <= MAX_BYTES
    except UnicodeEncodeError:
        return False


def _make_private(folder: Path) -> None:
    """Make a folder that only we can enter; anybody may write beside it, so what is there already is checked."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise BrokerError(
                f"{folder} must be a folder of yours that only you can enter: remove it"
            ) from None

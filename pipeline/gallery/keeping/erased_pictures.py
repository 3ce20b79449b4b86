"""Pictures that must not come back: told by whoever erases them to a program that may just be writing one.

DATA/erased_pictures is a list of hashes of paths, a line each. Whoever erases pictures adds theirs to it first and
deletes the files then; whoever writes one looks at it when the file has its name. So whichever comes first, the file
is gone: either the deletion finds it, or the writer hears of it. A hash of a path with a random run in it tells
nothing of anybody.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import FileIO
from pathlib import Path
from time import time

from pipeline.errors import StoreError

ERASED_FILE = "erased_pictures"

KEEP_S = 86_400.0
"""a list that nobody added to for so long is begun anew: no picture is on its way to the disk for a day"""

LINE = 33
"""bytes: 128 bits in hexadecimal, and the line's end"""


def print_of(named: str) -> str:
    """The hash of a picture's path below the data folder."""
    return sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[: LINE - 1]


def tell_erased(data: Path, named: Iterable[str]) -> None:
    """Note that these pictures, paths below the data folder, are about to be erased. Raises StoreError."""
    lines = "".join(f"{print_of(each)}\n" for each in sorted(set(named))).encode()
    if not lines:
        return
    path = data / ERASED_FILE
    try:
        with _locked(path) as file:
            old = os.fstat(file.fileno())
            if old.st_size and abs(time() - old.st_mtime) > KEEP_S:
                _replace(path, lines)
            else:
                file.write(lines)
    except OSError as error:
        raise StoreError(
            f"{path}: {(error.strerror or 'not writable').lower()}; make room, or make it writable, and run this again"
        ) from error


@contextmanager
def _locked(path: Path) -> Iterator[FileIO]:
    """The list, to be appended to by nobody else meanwhile. Raises OSError."""
    while True:
        with FileIO(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if (
                os.stat(path).st_ino == os.fstat(file.fileno()).st_ino
            ):  # else it was begun anew while we waited
                yield file
                return


def _replace(path: Path, lines: bytes) -> None:
    """Begin a list anew, in a file that readers can tell from the old one: both are there for a moment."""
    part = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(lines)
    os.replace(part, path)


class ErasedPictures:
    """What was erased since this was made. One thread calls it."""

    def __init__(self, data: Path) -> None:
        self._path = data / ERASED_FILE
        self._file, self._read = self._now()

    def news(self) -> frozenset[str]:
        """Hashes that were added since the last look; a file that cannot be read has none. Costs one stat."""
        file, size = self._now()
        if file != self._file:
            self._file, self._read = file, 0
        if size <= self._read:
            return frozenset()
        try:
            with self._path.open("rb") as opened:
                opened.seek(self._read)
                text = opened.read(size - self._read)
        except OSError:
            return frozenset()
        whole = text[: len(text) - len(text) % LINE]
        self._read += len(whole)
        return frozenset(whole.decode("ascii", "replace").split())

    def _now(self) -> tuple[int, int]:
        """Which file it is, and its size; zeros where there is none."""
        try:
            found = os.stat(self._path)
        except OSError:
            return 0, 0
        return found.st_ino, found.st_size

"""How much room pictures take, and which are the oldest: looked through a piece at a time, by whoever has time."""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.gallery.keeping.snapshots import SNAPSHOTS_FOLDER, UNFINISHED

IN_ONE_STEP = 500
"""files looked at before somebody else may do something: a few milliseconds"""

LEFT_BEHIND_S = 600.0
"""a file that is not whole after so long never will be"""

OLDEST = 4096
"""files remembered of one look: about 200 MB of pictures"""


@dataclass(frozen=True, slots=True, order=True)
class PictureFile:
    """A file below the snapshots' folder."""

    written_s: float
    """since the epoch, by the file"""
    path: str
    bytes: int = field(compare=False)


def oldest_beyond(files: Callable[[], Iterable[PictureFile]], max_bytes: int) -> list[PictureFile]:
    """The oldest of these files without which the others take no more than this, the oldest first.

    They are gone through twice, and only those that go are held in memory.
    """
    excess = sum(file.bytes for file in files()) - max_bytes
    newest_first: list[tuple[float, bytes, PictureFile]] = []
    held = 0
    for file in files() if excess > 0 else ():
        heapq.heappush(newest_first, _newest_first(file))
        held += file.bytes
        while held - newest_first[0][-1].bytes >= excess:
            held -= heapq.heappop(newest_first)[-1].bytes
    return sorted(file for *_, file in newest_first)


def _newest_first(file: PictureFile) -> tuple[float, bytes, PictureFile]:
    """An entry of a heap with the newest file on top."""
    return -file.written_s, bytes(255 - byte for byte in os.fsencode(file.path)) + b"\xff", file


def every_file(data: Path) -> Iterator[PictureFile]:
    """All files below the snapshots' folder; what cannot be looked into is passed over, and so is what goes meanwhile.

    Links are not followed.
    """
    folders = [str(data / SNAPSHOTS_FOLDER)]
    while folders:
        try:
            entries = os.scandir(folders.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        found = entry.stat(follow_symlinks=False)
                        yield PictureFile(found.st_mtime, entry.path, found.st_size)
                except OSError:
                    continue


def is_left_behind(file: PictureFile, now_s: float) -> bool:
    """Whether whoever wrote this file was killed before it was whole. `now_s`: since the epoch."""
    return file.path.endswith(UNFINISHED) and file.written_s < now_s - LEFT_BEHIND_S


class Look:
    """One look through all pictures: what they take, and the oldest of them."""

    def __init__(self, data: Path) -> None:
        self.bytes = 0
        """of all files that were looked at"""
        self.files = 0
        self.done = False
        self.left_behind: list[PictureFile] = []
        """never finished: whoever wrote them was killed"""
        self._now_s = time.time()
        self._left = every_file(data)
        self._newest_first: list[tuple[float, bytes, PictureFile]] = []
        """a heap of the OLDEST oldest, the newest of them on top"""

    def step(self) -> None:
        """Look at some more files."""
        for _ in range(IN_ONE_STEP):
            file = next(self._left, None)
            if file is None:
                self.done = True
                return
            self.bytes += file.bytes
            self.files += 1
            if is_left_behind(file, self._now_s):
                self.left_behind.append(file)
                continue
            entry = _newest_first(file)
            if len(self._newest_first) < OLDEST:
                heapq.heappush(self._newest_first, entry)
            else:
                heapq.heappushpop(self._newest_first, entry)

    @property
    def oldest(self) -> list[PictureFile]:
        """At most OLDEST files, the oldest first."""
        return sorted(file for *_, file in self._newest_first)

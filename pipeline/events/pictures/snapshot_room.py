"""Keeping the pictures of a running program within their bound: a running total, and now and then a look."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.gallery.keeping.picture_room import Look, PictureFile
from pipeline.gallery.keeping.snapshots import delete_pictures, frame_of

SLACK = 0.02
"""how far below the bound pictures are taken each time, as a part of it: the next look is that much writing away"""

AT_ONCE = 16
"""files deleted between two pictures, more than a picture adds"""

AGAIN_S = 60.0
"""until the next look, where what has to go cannot be deleted"""


class SnapshotRoom:
    """Counts what pictures take, and deletes the oldest beyond a bound. One thread calls it.

    At the start, and whenever the total exceeds the bound, it looks through the folder in small steps, between two
    pictures; each look corrects the total, which other programs change too.
    """

    def __init__(self, data: Path, max_bytes: int) -> None:
        self._data = data
        self._max_bytes = max_bytes
        self._look: Look | None = Look(data)
        self._total = 0
        self._meanwhile = 0
        """written since the look began"""
        self._is_known = False
        self._going: list[PictureFile] = []
        """to be deleted, the next one last"""
        self._not_before_s = 0.0
        self.removed = 0
        """files that were deleted"""

    @property
    def is_busy(self) -> bool:
        """Whether `step` has something to do."""
        return self._look is not None or bool(self._going)

    @property
    def bytes(self) -> int | None:
        """Of all pictures; None before the first look is done."""
        return self._total if self._is_known else None

    def add(self, grown: int) -> None:
        """Something was written, that takes so many bytes more."""
        self._total += grown
        self._meanwhile += grown

    def step(self) -> None:
        """Do a little of what is to be done: milliseconds."""
        if self._going:
            self._delete(self._going[-AT_ONCE:])
            del self._going[-AT_ONCE:]
        elif self._look is not None:
            self._look.step()
            if self._look.done:
                self._plan(self._look)
                self._look = None
        elif self._total > self._max_bytes and time.monotonic() >= self._not_before_s:
            self._begin()

    def _begin(self) -> None:
        self._look = Look(self._data)
        self._meanwhile = 0

    def _plan(self, look: Look) -> None:
        # What was written meanwhile may have been seen or not; the next look will tell.
        self._total, self._is_known = look.bytes + self._meanwhile, True
        excess, going = look.bytes - self._max_bytes, list(look.left_behind)
        if excess > 0:
            excess += int(SLACK * self._max_bytes)
            for file in look.oldest:
                if excess <= 0:
                    break
                going.append(file)
                excess -= file.bytes
        self._going = going[::-1]

    def _delete(self, files: Sequence[PictureFile]) -> None:
        try:
            self.removed += delete_pictures(frame_of(Path(file.path)) for file in files)
            self._total -= sum(file.bytes for file in files)
        except StoreError:  # said by whoever cannot write there either
            self._not_before_s = time.monotonic() + AGAIN_S

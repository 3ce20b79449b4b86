"""Pictures of sightings, written by a thread of their own: no frame waits for a picture or for the disk.

    decide ──develop──> still, in memory ─┐
           ──put──────> path is promised ─┴─> thread: JPEG, file under another name, then under its own

A path is promised when its picture is queued, and only then. Live, what finds no room is dropped and counted, and
nothing is promised while the disk refuses. In a replay whoever hands a picture over waits instead, so that it gives
the same files each time.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.errors import StoreError
from pipeline.events.pictures.shots import Kept, Shot, Still
from pipeline.events.pictures.snapshot_files import develop, write_pictures
from pipeline.events.pictures.snapshot_room import SnapshotRoom
from pipeline.gallery.keeping.erased_pictures import ErasedPictures, print_of
from pipeline.gallery.keeping.picture_about import About
from pipeline.gallery.keeping.snapshots import delete_pictures

log = logging.getLogger(__name__)

MAX_WAITING = 256
"""pictures that wait for the disk: 40 MB, and half a minute of a busy entrance"""
MAX_RAW_BYTES = 128 << 20
"""of frames that wait to be developed: twenty at 1080p, of which a core makes a hundred a second"""
RETRY_S = 10.0
"""between two attempts while the disk refuses"""
LOOK_S = 1.0
"""how soon the thread hears of pictures that were erased while it has nothing to do"""
CLOSE_TIMEOUT_S = 5.0
"""how long a live run waits at its end for what is queued: a disk that hangs must not keep it"""

QUEUE, MEMORY, DISK, PIXELS, ERASED = "queue", "memory", "disk", "pixels", "erased"
"""why pictures are dropped: too many wait, too large frames wait, the disk refuses, no JPEG can be made, forgotten"""


@dataclass(frozen=True, slots=True)
class SnapshotRules:
    """What pictures are like, and what they may take."""

    frame_px: int
    """longer side of a frame's picture"""
    jpeg_quality: int
    max_bytes: int | None
    """of all pictures below the data folder; the oldest go first. None: as many as the disk takes"""
    exact: bool
    """a replay: whoever hands a picture over waits, and nothing is dropped"""


@dataclass(frozen=True, slots=True)
class SnapshotState:
    """How the pictures are doing, for status and metrics."""

    written: int = 0
    """sightings' pictures, a frame and a face each; better ones that replaced earlier ones count too"""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """why -> pictures that were not kept"""
    removed: int = 0
    """files that went because there were too many"""
    queued: int = 0
    bytes: int | None = None
    """of all pictures on the disk, as far as this program knows; None: it does not count"""
    problem: str | None = None
    """why pictures cannot be written now"""


@dataclass(frozen=True, slots=True)
class _Development:
    still: weakref.ref[Still]
    shots: tuple[weakref.ref[Shot], ...]
    bytes: int


@dataclass(frozen=True, slots=True)
class _Writing:
    kept: Kept
    about: About


@dataclass(frozen=True, slots=True)
class _Erasure:
    path: str


_Job = _Development | _Writing | _Erasure


class SnapshotWriter:
    """Keeps pictures. Live no call waits; `with` starts and ends the thread."""

    def __init__(self, data: Path, rules: SnapshotRules) -> None:
        self._data = data
        self._rules = rules
        self._changed = threading.Condition()
        self._jobs: deque[_Job] = deque()
        self._raw_bytes = 0
        self._alive: weakref.WeakValueDictionary[str, Kept] = weakref.WeakValueDictionary()
        """by the print of its path: pictures that are queued, or whose sighting goes on"""
        self._state = SnapshotState()
        self._dropped: Counter[str] = Counter()
        self._to_erase: set[str] = set()
        self._away_until_s = 0.0
        self._closing = False
        self._thread: threading.Thread | None = None
        self._erased = ErasedPictures(data)
        self._room = None if rules.max_bytes is None else SnapshotRoom(data, rules.max_bytes)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Start the thread."""
        self._closing = False
        # A daemon: a disk that hangs must not keep the program once it has said so.
        self._thread = threading.Thread(target=self._run, name="facestream-snapshots", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is queued, and end the thread. Live it waits for a moment at most. May be called twice."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is None:
            return
        self._thread.join(None if self._rules.exact else CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            log.warning("pictures: the disk does not answer, %d are not written", len(self._jobs))
        self._thread = None

    def state(self) -> SnapshotState:
        """How it goes. From any thread."""
        with self._changed:
            room = self._room
            return replace(
                self._state,
                dropped=dict(self._dropped),
                queued=len(self._jobs),
                removed=0 if room is None else room.removed,
                bytes=None if room is None else room.bytes,
            )

    def has_room(self, still_bytes: int) -> bool:
        """Whether a frame of so many bytes may be developed; in a replay it waits until it may."""
        with self._changed:
            if self._rules.exact:
                self._changed.wait_for(lambda: self._is_idle or self._raw_bytes <= MAX_RAW_BYTES)
            elif self._raw_bytes + still_bytes > MAX_RAW_BYTES:
                self._dropped[MEMORY] += 1
                return False
        return True

    def develop(self, still: Still, shots: list[Shot]) -> None:
        """Make the pictures of these shots in memory, so that the frame's pixels can go."""
        job = _Development(weakref.ref(still), tuple(map(weakref.ref, shots)), still.bytes)
        with self._changed:
            self._raw_bytes += job.bytes
            self._jobs.append(job)
            self._changed.notify_all()

    def put(self, path: str, shot: Shot, about: About) -> Kept | None:
        """Promise a picture: it is queued to be written. None where there is no room for it, or no disk."""
        with self._changed:
            if self._rules.exact:
                self._changed.wait_for(lambda: self._is_idle or len(self._jobs) < MAX_WAITING)
            elif (why := self._refusal()) is not None:
                self._dropped[why] += 1
                return None
            kept = Kept(path, about.sighting_id, shot)
            self._alive[print_of(path)] = kept
            self._jobs.append(_Writing(kept, about))
            self._changed.notify_all()
        return kept

    def erase(self, path: str) -> None:
        """Delete a picture that turned out to show somebody else, once what is queued before is written."""
        with self._changed:
            self._jobs.append(_Erasure(path))
            self._changed.notify_all()

    @property
    def _is_idle(self) -> bool:
        """Nobody works on the queue: whoever waits for room would wait for good."""
        return self._thread is None or not self._thread.is_alive()

    def _refusal(self) -> str | None:
        if len(self._jobs) >= MAX_WAITING:
            return QUEUE
        return DISK if time.monotonic() < self._away_until_s else None

    # in the thread

    def _run(self) -> None:
        while True:
            job = self._next()
            if job is None and self._closing:
                return
            try:
                self._do(job)
            except OSError as error:
                self._drop(job, DISK, error)
            except Exception as error:  # noqa: BLE001 - a picture is not worth a run: the next one may work
                self._drop(job, PIXELS, error)
            finally:
                with self._changed:
                    if isinstance(job, _Development):
                        self._raw_bytes -= job.bytes
                    self._changed.notify_all()

    def _next(self) -> _Job | None:
        """What is to be done; None after a while without anything, at once where there is tidying to do."""
        wait_s = 0.0 if self._room is not None and self._room.is_busy else LOOK_S
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closing, wait_s)
            return self._jobs.popleft() if self._jobs else None

    def _do(self, job: _Job | None) -> None:
        if isinstance(job, _Development):
            self._develop(job)
        elif isinstance(job, _Writing):
            self._write(job)
        else:
            self._to_erase |= {job.path} if job is not None else set()
            self._hear()
        if self._room is not None and not self._closing:
            self._room.step()

    def _develop(self, job: _Development) -> None:
        still = job.still()
        shots = [shot for each in job.shots if (shot := each()) is not None]
        if still is None or not shots:
            return  # a better one has come meanwhile
        try:
            develop(still, shots, self._rules.frame_px, self._rules.jpeg_quality)
        finally:
            still.pixels = None

    def _write(self, job: _Writing) -> None:
        kept, shot = job.kept, job.kept.shot
        self._hear()
        if kept.is_erased:
            with self._changed:
                self._dropped[ERASED] += 1
            return
        if self._alive.get(print_of(kept.path)) is not kept:
            return  # a better one is queued behind it
        self._to_erase.discard(kept.path)
        develop(shot.still, [shot], self._rules.frame_px, self._rules.jpeg_quality)
        grown = write_pictures(self._data, kept, job.about)
        self._hear()  # the file has its name: whoever erases it now either finds it, or is heard here
        if self._room is not None:
            self._room.add(grown)
        with self._changed:
            is_back = self._state.problem is not None
            self._state = replace(self._state, written=self._state.written + 1, problem=None)
        if is_back:
            log.warning("pictures are kept again")

    def _drop(self, job: _Job | None, why: str, error: Exception) -> None:
        """Count a picture that failed, and say so once."""
        words = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason = f"{self._data}: {words.splitlines()[0].lower()}"
        # Asked before, because a disk may take its time; os.path knows no errors, of which a folder may give any.
        is_absent = isinstance(job, _Writing) and not os.path.exists(self._data / job.kept.path)
        with self._changed:
            is_news = self._state.problem is None
            self._dropped[why] += 1
            self._state = replace(self._state, problem=reason)
            if why == DISK:
                self._away_until_s = time.monotonic() + RETRY_S
            if isinstance(job, _Writing) and not self._rules.exact:
                job.kept.is_absent = is_absent
                job.kept.is_missed = True
        if is_news:
            log.warning("pictures are not kept, everything else goes on: %s", reason)

    def _hear(self) -> None:
        """Delete what must not be there: what was erased while it was on its way here is promised no more."""
        for each in self._erased.news():
            kept = self._alive.get(each)
            if kept is not None:
                kept.is_erased = True
                self._to_erase.add(kept.path)
        for path in sorted(self._to_erase):
            try:
                delete_pictures([self._data / path])
            except StoreError:
                return  # with the next look
            self._to_erase.discard(path)

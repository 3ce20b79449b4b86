"""Where the sightings of a run are kept: collected until a replay ends, or written while cameras are watched."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from itertools import islice
from typing import Protocol

from pipeline.errors import FacestreamError
from pipeline.events.event import EventType, IdentityEvent
from pipeline.events.why.explanation import encode, nearest_ids
from pipeline.gallery.sightings.sighting_records import Sighting

log = logging.getLogger(__name__)

MAX_WAITING = 4096
"""sightings that wait for the database: 10 MB, and an hour of a busy entrance"""
AT_ONCE = 256
"""sightings in one transaction: other programs write to the same database"""
RETRY_S = 1.0
"""between two attempts to write, beside what the database itself waits for its lock"""


def kept(event: IdentityEvent, stranger_id: str | None, seq: int, *, stands: bool) -> Sighting:
    """A sighting as its latest event tells of it.

    Args:
        stranger_id: None while it is a person of the gallery.
        seq: of its last event that was published; 0 where none was.
        stands: whether its stranger is recognised by it.
    """
    return Sighting(
        sighting_id=event.sighting_id,
        camera=event.camera,
        run=event.sighting_id.rsplit(":", 2)[1],
        mode=event.mode.value,
        seq=seq,
        person_id=None if event.identity is None else event.identity.id,
        stranger_id=stranger_id,
        distance=event.distance,
        threshold=event.threshold,
        frames_fused=event.frames_fused,
        quality=event.quality,
        box=event.box,
        frame_index=event.frame.index,
        pts_s=event.frame.pts_s,
        width=event.frame.width,
        height=event.frame.height,
        first_seen_at=event.first_seen_at,
        seen_at=event.seen_at,
        detector=event.detector,
        model_id=event.embedder,
        gallery_version=event.gallery_version,
        snapshot=event.snapshot,
        vector=event.template,
        stands=stands,
        over=event.type is EventType.END,
        explanation=None if event.explanation is None else encode(event.explanation),
        nearest=() if event.explanation is None else nearest_ids(event.explanation),
    )


class SightingLog(Protocol):
    """Keeps sightings. One thread calls it: `open` first, `keep` any number of times, `close` last."""

    def open(self) -> None:
        """Get ready."""
        ...

    def keep(self, sightings: Sequence[Sighting]) -> None:
        """Keep these; a later one of the same sighting_id takes the place of an earlier one. Never waits."""
        ...

    def close(self) -> None:
        """Keep what is still on its way, within bounds. Never raises, may be called twice."""
        ...


class WritesSightings(Protocol):
    """A database as the log sees it. pipeline.gallery.sightings.sightings.Sightings is one."""

    def write(self, new: Sequence[Sighting]) -> None:
        """Keep them, all or none. Raises StoreError."""
        ...


class CollectedSightings:
    """Holds the sightings of a run until somebody asks for them: for a replay, which is kept whole or not at all."""

    def __init__(self) -> None:
        self._latest: dict[str, Sighting] = {}

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """Each as it was kept last, in the order in which they were kept first."""
        return tuple(self._latest.values())

    def open(self) -> None:
        """Nothing to acquire."""

    def keep(self, sightings: Sequence[Sighting]) -> None:
        """Hold these."""
        self._latest |= {one.sighting_id: one for one in sightings}

    def close(self) -> None:
        """What was collected stays."""


class WrittenSightings:
    """Writes sightings in a thread of its own, so that no frame waits for the database.

    While the database is busy or away they wait, at most MAX_WAITING; beyond that the oldest is dropped and counted.
    The log tells of it once, and once more when the database is back.
    """

    def __init__(
        self, database: WritesSightings, max_waiting: int = MAX_WAITING, retry_s: float = RETRY_S
    ) -> None:
        self._database = database
        self._max_waiting = max_waiting
        self._retry_s = retry_s
        self._changed = threading.Condition()
        self._waiting: dict[str, Sighting] = {}
        self._closing = False
        self._dropped = 0
        self._thread: threading.Thread | None = None

    @property
    def dropped(self) -> int:
        """Sightings that were not kept, because too many waited or the run ended before the database was back."""
        with self._changed:
            return self._dropped

    def open(self) -> None:
        """Start the thread."""
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="facestream-sightings")
        self._thread.start()

    def keep(self, sightings: Sequence[Sighting]) -> None:
        """Hand these to the thread."""
        if not sightings:
            return
        with self._changed:
            for one in sightings:
                self._waiting.pop(one.sighting_id, None)
                self._waiting[one.sighting_id] = one
            self._make_room()
            self._changed.notify_all()

    def close(self) -> None:
        """Write what waits, in one more attempt where the database is away, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is None:
            return
        self._thread.join()
        self._thread = None
        if self._dropped:
            log.warning("%d sightings were seen and published, but could not be kept", self._dropped)

    def _make_room(self) -> None:
        while len(self._waiting) > self._max_waiting:
            del self._waiting[next(iter(self._waiting))]
            self._dropped += 1

    def _run(self) -> None:
        away, at_once = False, AT_ONCE
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                batch = dict(islice(self._waiting.items(), at_once))
                for key in batch:
                    del self._waiting[key]
                closing = self._closing
            if not batch and closing:
                return
            problem = self._write(batch)
            if problem is None:
                at_once = min(AT_ONCE, 2 * at_once)
                with self._changed:
                    all_kept = not self._waiting
                if away and all_kept:
                    log.warning("sightings are kept again")
                    away = False
                continue
            if not away:
                log.warning("sightings wait until they can be kept: %s", problem)
            away = True
            with self._changed:
                # One by one, and the one that fails alone goes behind the others: it may be the only one that cannot
                # be kept. What came meanwhile of the same sightings is later, and counts.
                others = self._waiting
                self._waiting = {**batch, **others} if at_once > 1 else {**others, **(batch | others)}
                at_once = 1
                self._make_room()
                if closing:
                    self._dropped += len(self._waiting)
                    self._waiting = {}
                    return
                self._changed.wait_for(lambda: self._closing, self._retry_s)

    def _write(self, batch: dict[str, Sighting]) -> FacestreamError | None:
        try:
            self._database.write(list(batch.values()))
        except FacestreamError as error:
            return error
        return None

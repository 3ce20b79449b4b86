"""The stage that turns matches into events, one sighting book a camera."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import numpy as np

from pipeline.arrays import F32, I64, Bools, check_rows
from pipeline.events.event import (
    EventCandidate,
    FrameRef,
    Identity,
    IdentityEvent,
    Mode,
    TimingsMs,
)
from pipeline.events.lifecycle import NO_SHOTS, Closed, SightingBook, Statement
from pipeline.events.pictures.pictures import Pictures
from pipeline.events.sighting import SightingRules, same_person
from pipeline.geometry import fraction_box
from pipeline.stage import StageBase
from pipeline.types import Candidate, FrameInfo, Matched, StreamEnd

DIGITS = 18
"""of a sighting's number at most: 64 bits, and Python refuses to read very long ones"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a frame led to: the end of its life."""

    info: FrameInfo
    track_ids: I64
    """(N,)"""
    boxes: F32
    """(N, 4) pixels"""
    observed: Bools
    """(N,)"""
    events: tuple[IdentityEvent, ...]
    closed: tuple[Closed, ...]

    def __post_init__(self) -> None:
        check_rows(len(self.track_ids), boxes=self.boxes, observed=self.observed)

    @property
    def camera(self) -> str:
        """The frame's camera."""
        return self.info.camera


class Board(Protocol):
    """Where decisions are posted for the embed gate."""

    def publish(self, camera: str, frame_index: int, known_tracks: frozenset[int]) -> None:
        """The tracks recognised after this frame."""
        ...

    def pause(self, camera: str, frames: int) -> None:
        """Nobody is known in this camera after so many frames, and until it goes on."""
        ...

    def finish(self, camera: str) -> None:
        """Nothing more comes of this camera."""
        ...


@dataclass(frozen=True, slots=True)
class EventContext:
    """What every event of a run says alike."""

    mode: Mode
    runs: Mapping[str, str]
    """camera -> its run: a hash of the recording in a replay; random when live, another each time a camera is added"""
    detector: str
    embedder: str
    """where the gallery does not say whose vectors it is searched with"""
    candidates: int
    """people told of at most"""
    candidate_distance: float
    """squared L2; whoever is farther is nobody the face may be, and not told of"""
    now: Callable[[], datetime] | None
    """the wall clock when live; None in a replay, where an event is published when it was seen"""
    timings: Callable[[FrameInfo], TimingsMs] | None = None
    """where the time of a frame went until now, when live; None in a replay"""


class EventWriter:
    """Writes one camera's statements as events."""

    def __init__(self, camera: str, context: EventContext, pictures: Pictures | None = None) -> None:
        """Without `pictures` events name none."""
        self._pictures = pictures
        self._camera = camera
        self._run = context.runs[camera]
        self._context = context

    def __call__(self, statement: Statement) -> IdentityEvent:
        context, sighting = self._context, statement.sighting
        sighting_id = f"{self._camera}:{self._run}:{sighting.number}"
        evidence = sighting.evidence
        people = evidence.candidates if evidence is not None else ()
        last = sighting.last
        changed = not same_person(statement.previous, sighting.named)
        return IdentityEvent(
            type=statement.type,
            mode=context.mode,
            sighting_id=sighting_id,
            seq=sighting.seq,
            camera=self._camera,
            identity=_identity(sighting.named),
            previous_identity=_identity(statement.previous) if changed else None,
            stranger_id=stranger_id(sighting_id) if sighting.named is None else None,
            distance=people[0].distance if people else None,
            threshold=statement.gallery.max_distance,
            margin=people[1].distance - people[0].distance if len(people) > 1 else None,
            candidates=self._candidates(people, sighting.named),
            frames_fused=evidence.frames_fused if evidence is not None else 0,
            quality=evidence.quality if evidence is not None else 0.0,
            box=fraction_box(sighting.box, last.width, last.height),
            frame=FrameRef(last.index, last.pts_s, last.width, last.height),
            first_seen_at=sighting.first.at,
            seen_at=last.at,
            published_at=last.at if context.now is None else context.now(),
            timings_ms=None,
            detector=context.detector,
            embedder=statement.gallery.model_id or context.embedder,
            gallery_version=statement.gallery.version,
            snapshot=None if self._pictures is None else self._pictures.promise(sighting, sighting_id),
            watchlists=sighting.named.watchlists if sighting.named is not None else (),
            template=evidence.template if evidence is not None else None,
        )

    def _candidates(
        self, people: tuple[Candidate, ...], named: Candidate | None
    ) -> tuple[EventCandidate, ...]:
        """Whom the face may be: the people near enough, and whoever it was taken for."""
        limit = self._context.candidate_distance
        near = [c for c in people if c.distance < limit or same_person(c, named)]
        return tuple(
            EventCandidate(c.person_id, c.name, c.distance) for c in near[: self._context.candidates]
        )


def stranger_id(sighting_id: str) -> str:
    """The id of a stranger who is new in this sighting: a hash of it, so that a replay repeats itself."""
    return "s_" + hashlib.sha256(sighting_id.encode()).hexdigest()[:12]


class LifecycleStage(StageBase[Matched, Outcome]):
    """Keeps the books, and posts after each frame which tracks are recognised.

    When a frame is lost here, its camera's book stays, and what it had stated by then is told with the next frame:
    whoever heard of a sighting hears of its end. When a camera's frames are lost twice in a row, its sightings end:
    what is wrong with the book is gone with them.
    """

    name = "decide"

    def __init__(
        self, rules: SightingRules, context: EventContext, board: Board, pictures: Pictures | None = None
    ) -> None:
        """Without `pictures` none are kept."""
        self._pictures = pictures
        self._rules = rules
        self._context = context
        self._board = board
        self._books: dict[str, SightingBook] = {}
        self._lock = threading.Lock()
        """held while a book is written, and while another thread reads one"""
        self._last: dict[str, FrameInfo] = {}
        self._doubted: set[str] = set()
        """cameras whose last frame was lost here"""
        self._owed: dict[str, list[IdentityEvent]] = {}
        """events stated in frames that were lost"""

    def process(self, batch: Sequence[Matched]) -> Sequence[Outcome]:
        return [self._decide(item) for item in batch]

    def end(self, end: StreamEnd) -> Sequence[Outcome]:
        """A pause closes the camera's sightings too, but keeps its book: no sighting_id is given twice."""
        if end.pause:
            self._board.pause(end.camera, end.frames)
        else:
            self._board.finish(end.camera)
        if self._pictures is not None:
            self._pictures.finish(end.camera, end.frames)
        book, last = self._books.get(end.camera), self._last.get(end.camera)
        events, closed = self._owed.get(end.camera, []), list[Closed]()
        if book is not None:
            with self._lock:
                ended, closed = book.finish()
            book.said = []
            events = events + ended
        self._forget(end)
        if last is None:
            return ()
        nobody = np.zeros(0, np.int64)
        boxes = np.zeros((0, 4), np.float32)
        return (Outcome(last, nobody, boxes, nobody.astype(np.bool_), tuple(events), tuple(closed)),)

    def state_of(self, sighting_id: str) -> IdentityEvent | None:
        """What an `update` would say now of a sighting that is open and was published; None of any other.

        Safe on any thread: a frame waits for it as long as writing one event takes.
        """
        of_run, _, number = sighting_id.rpartition(":")
        camera = of_run.rpartition(":")[0]
        book = self._books.get(camera)
        if book is None or camera not in self._context.runs or not number.isdecimal() or len(number) > DIGITS:
            return None
        write = EventWriter(camera, self._context)  # one that promises no pictures
        with self._lock:
            found = book.state_of(int(number), write)
        return found if found is not None and found.sighting_id == sighting_id else None

    def going_on(self) -> Mapping[str, int]:
        """Sightings that are open and were told of, by camera. Safe on any thread."""
        with self._lock:
            return {camera: book.going_on for camera, book in list(self._books.items())}

    def lost(self, camera: str) -> None:
        book = self._books.get(camera)
        if book is None:
            return
        with self._lock:
            self._owe(camera, book)
            if camera in self._doubted:
                try:
                    book.finish()
                finally:
                    self._owe(camera, book)
            self._doubted.add(camera)

    def _owe(self, camera: str, book: SightingBook) -> None:
        """What the book stated last is told with the camera's next frame."""
        self._owed.setdefault(camera, []).extend(book.said)
        book.said = []

    def _forget(self, end: StreamEnd) -> None:
        self._last.pop(end.camera, None)
        self._owed.pop(end.camera, None)
        self._doubted.discard(end.camera)
        if not end.pause:
            self._books.pop(end.camera, None)

    def _decide(self, item: Matched) -> Outcome:
        camera = item.info.camera
        self._last[camera] = item.info
        book = self._books.get(camera)
        if book is None:
            writer = EventWriter(camera, self._context, self._pictures)
            book = self._books[camera] = SightingBook(self._rules, writer)
        shots = NO_SHOTS if self._pictures is None else self._pictures.shots_of(item)
        with self._lock:
            events, closed = book.advance(item, shots)
            if self._pictures is not None:
                self._pictures.develop(shots, book.parted)
        if events and self._context.timings is not None:
            timings_ms = self._context.timings(item.info)
            events = [replace(event, timings_ms=timings_ms) for event in events]
        self._board.publish(camera, item.info.index, frozenset(book.named_tracks))
        outcome = Outcome(
            info=item.info,
            track_ids=item.track_ids,
            boxes=item.faces.boxes,
            observed=item.observed,
            events=(*self._owed.get(camera, ()), *events),
            closed=tuple(closed),
        )
        # From here on nothing can be lost any more.
        book.said = []
        self._owed.pop(camera, None)
        self._doubted.discard(camera)
        return outcome


def _identity(person: Candidate | None) -> Identity | None:
    return None if person is None else Identity(person.person_id, person.name)

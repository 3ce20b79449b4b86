"""Which stranger an unknown face is: the last word on every event before it is published.

The events of a run come here in the order in which they are told. A sighting whose face is nobody's of the gallery gets
the id of the stranger it is recognised as, or one of its own: a hash of its sighting_id, so that a replay repeats
itself. An id of its own may still turn out to be a stranger seen before, when better shots come; an id that was
recognised stays. Two sightings of one camera that overlap in time are two people and never get one id.

Of a stranger whom the operator ignores nothing is told. When such a sighting turns out to be somebody else after all,
its first event that is told is a `new`, and its events count from there.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from pipeline.events.event import EventType, IdentityEvent
from pipeline.events.stage import stranger_id
from pipeline.events.strangers.sighting_log import SightingLog, kept
from pipeline.gallery.sightings.sighting_records import Sighting
from pipeline.gallery.sightings.stranger_book import StrangerBook, StrangerNews


class NewsSource(Protocol):
    """What other programs do to the strangers while a run goes on."""

    def open(self) -> None:
        """Begin to look."""
        ...

    def take(self) -> StrangerNews | None:
        """The next piece of news, or None; never waits, and no piece takes longer to learn than a frame lasts."""
        ...

    def close(self) -> None:
        """Look no more. Never raises, may be called twice."""
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """The strangers as one model knows them."""

    book: StrangerBook
    news: NewsSource | None = None
    """None where the book is pinned"""


@dataclass(frozen=True, slots=True)
class Told:
    """What becomes of events that the books of sightings stated."""

    events: tuple[IdentityEvent, ...]
    """to be published, in this order"""
    sightings: tuple[Sighting, ...]
    """to be kept once they are published: those that began, ended, or are somebody else now"""


@dataclass(slots=True)
class _Followed:
    """A sighting as far as it was told."""

    first_seen_at: datetime
    seen_at: datetime
    stranger_id: str | None = None
    """None: somebody of the gallery, or not looked at yet"""
    recognised: bool = False
    """whether that is a stranger who was seen before"""
    person_id: str | None = None
    told: int = 0
    """events published"""
    over: bool = False


class StrangerIds:
    """Gives events their stranger ids, and holds back those of ignored strangers. One thread calls it."""

    def __init__(
        self,
        book: StrangerBook,
        log: SightingLog,
        apart_s: float,
        news: NewsSource | None = None,
        model_id: str | None = None,
    ) -> None:
        """
        Args:
            apart_s: how long after a face was first seen its `new` may come.
            news: None where the book is pinned.
            model_id: of the book's vectors; None: all events are of it.
        """
        self._book = book
        self._log = log
        self._news = news
        self._model_id = model_id
        self._expected: dict[str, Side] = {}
        self._apart = timedelta(seconds=apart_s)
        self._followed: dict[str, dict[str, _Followed]] = {}
        """by camera and sighting_id: the open ones, and those that ended not long ago"""

    def open(self) -> None:
        """Start what goes on beside the run."""
        self._log.open()
        if self._news is not None:
            self._news.open()

    def close(self) -> None:
        """End it; what is still to be kept is. Never raises."""
        if self._news is not None:
            self._news.close()
        self._log.close()

    def expect(self, model_id: str, side: Side) -> None:
        """Be ready for events of another model, which serves soon; from the first of them on its book counts.

        On another thread. Whoever was seen is known by the earlier model's vectors, with which the new one's are not
        compared: sightings that are open keep their ids, and others get new ones.
        """
        self._expected[model_id] = side

    def learn(self) -> None:
        """Take in the next piece of news, if there is one. Called now and then, also when nothing is told."""
        news = None if self._news is None else self._news.take()
        if news is not None:
            self._book.take_in(news)

    def tell(self, events: Sequence[IdentityEvent]) -> Told:
        """What is to be published and kept of these events, which come in the order in which they are told."""
        told: list[IdentityEvent] = []
        sightings: list[Sighting] = []
        for event in events:
            if event.type is EventType.CORRECTION:
                told.append(event)
                continue
            if event.embedder in self._expected:
                self._move_on(event.embedder)
            state = self._follow(event)
            before = (state.person_id, state.stranger_id)
            self._decide(event, state)
            told += self._due(event, state)
            if event.type is not EventType.UPDATE or before != (state.person_id, state.stranger_id):
                stands = self._book.stands(event.sighting_id)
                sightings.append(kept(event, state.stranger_id, state.told, stands=stands))
            if event.type is EventType.END:
                state.over = True
                self._book.close(event.sighting_id)
        return Told(tuple(told), tuple(sightings))

    def leave(self, camera: str) -> None:
        """The camera has ended, all its sightings too: forget it."""
        self._followed.pop(camera, None)

    def keep(self, told: Told) -> None:
        """What was told is published: keep its sightings."""
        self._log.keep(told.sightings)

    def _move_on(self, model_id: str) -> None:
        """From now on this model's book counts."""
        side = self._expected.pop(model_id)
        if self._news is not None:
            # Its thread may be waiting for the database: no event waits with it.
            threading.Thread(target=self._news.close, name="facestream-strangers-end").start()
        self._book, self._news, self._model_id = side.book, side.news, model_id
        if self._news is not None:
            self._news.open()

    def _follow(self, event: IdentityEvent) -> _Followed:
        """What is known of the event's sighting; those that ended too long ago to matter are let go."""
        camera = self._followed.setdefault(event.camera, {})
        for old in [
            key for key, one in camera.items() if one.over and one.seen_at + self._apart < event.seen_at
        ]:
            del camera[old]
        state = camera.get(event.sighting_id)
        if state is None:
            state = camera[event.sighting_id] = _Followed(event.first_seen_at, event.seen_at)
        state.seen_at = event.seen_at
        return state

    def _decide(self, event: IdentityEvent, state: _Followed) -> None:
        """Say who the sighting is now, and let it stand for its stranger."""
        if event.identity is not None:
            state.person_id, state.stranger_id, state.recognised = event.identity.id, None, False
            self._book.drop(event.sighting_id)
            return
        state.person_id = None
        own = stranger_id(event.sighting_id)
        if self._book.settled(own) != own:  # an operator said so
            state.stranger_id, state.recognised = own, True
        of_book = self._model_id is None or event.embedder == self._model_id
        vector = event.template if of_book and self._book.is_clear(event.quality) else None
        if vector is not None and not state.recognised:
            barred = set(self._apart_from(event, state))
            state.stranger_id = self._book.recognise(event.sighting_id, vector, barred)
            state.recognised = state.stranger_id is not None
        state.stranger_id = self._book.settled(state.stranger_id or own)
        if vector is not None:
            self._book.put(event.sighting_id, state.stranger_id, vector, event.quality)

    def _apart_from(self, event: IdentityEvent, state: _Followed) -> Iterator[str]:
        """Strangers whom this camera saw in other sightings while it saw this one."""
        for key, other in self._followed[event.camera].items():
            together = other.first_seen_at <= state.seen_at and (
                not other.over or state.first_seen_at <= other.seen_at
            )
            if key != event.sighting_id and other.stranger_id is not None and together:
                yield self._book.settled(other.stranger_id)

    def _due(self, event: IdentityEvent, state: _Followed) -> Iterable[IdentityEvent]:
        """The event as it is told: not at all, as itself, or after the `new` that was held back until now."""
        ignored = state.stranger_id is not None and self._book.is_ignored(state.stranger_id)
        if ignored and not state.told:
            return
        if not state.told and event.type is not EventType.NEW:
            state.told = 1
            yield replace(
                event, type=EventType.NEW, seq=1, stranger_id=state.stranger_id, previous_identity=None
            )
            if event.type is EventType.UPDATE:
                return
        state.told += 1
        yield replace(event, seq=state.told, stranger_id=state.stranger_id)

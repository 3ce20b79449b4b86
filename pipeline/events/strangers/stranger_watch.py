"""What other programs do to the strangers while cameras are watched: asked for in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from pipeline.errors import FacestreamError
from pipeline.gallery.comparable import Comparable
from pipeline.gallery.sightings.sighting_records import KnownStrangers, StrangerChange, StrangerChangeKind
from pipeline.gallery.sightings.stranger_book import StrangerNews

log = logging.getLogger(__name__)

AT_ONCE = 32
"""vectors in one piece of news: a graph of a million takes 40 of them in while a frame lasts"""


class StrangerHistory(Protocol):
    """The strangers of a database as they change. pipeline.gallery.sightings.strangers.Strangers is one."""

    def known(self, comparable: Comparable, *, only: Sequence[int]) -> KnownStrangers:
        """The vectors of these labels, as far as they stand for somebody, and everybody ignored and merged."""
        ...

    def version(self) -> int:
        """Number of the last change."""
        ...

    def changes_since(self, seq: int) -> Sequence[StrangerChange]:
        """The changes after this one, in order."""
        ...


class StrangerWatch:
    """Looks for changes every so often, and holds what they come to until it is taken.

    While the database is busy or away the strangers stay as they are; the log tells of it once.
    """

    def __init__(
        self, history: StrangerHistory, comparable: Comparable, version: int, follow_s: float
    ) -> None:
        """`version`: the last change that is known already; `follow_s`: between two looks."""
        self._history = history
        self._comparable = comparable
        self._version = version
        self._follow_s = follow_s
        self._found: deque[StrangerNews] = deque()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Start the thread."""
        self._closing.clear()
        self._thread = threading.Thread(target=self._run, name="facestream-strangers")
        self._thread.start()

    def take(self) -> StrangerNews | None:
        """The next piece of news, or None."""
        try:
            return self._found.popleft()
        except IndexError:
            return None

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        away = False
        while not self._closing.wait(self._follow_s):
            if self._found:
                continue  # nobody has learned the last news yet
            try:
                self._look()
            except FacestreamError as error:
                if not away:
                    log.warning("strangers stay as they are known until the gallery answers: %s", error)
                away = True
            else:
                away = False

    def _look(self) -> None:
        if self._history.version() == self._version:
            return
        changes = self._history.changes_since(self._version)
        standing: dict[int, bool] = {}
        for change in changes:
            if change.label is not None:
                standing[change.label] = change.kind is StrangerChangeKind.VECTOR_ADDED
        added = [label for label, stands in standing.items() if stands]
        removed = [label for label, stands in standing.items() if not stands]
        # Read later than the changes: what happened in between comes again with the next look, and changes nothing.
        known = self._history.known(self._comparable, only=added)
        named = {each.stranger_id for each in changes if each.kind is StrangerChangeKind.STRANGER_NAMED}
        news = StrangerNews(np.array(removed, np.int64), known, frozenset(named))
        self._found.extend(in_pieces(news))
        self._version = changes[-1].seq if changes else self._version


def in_pieces(news: StrangerNews) -> Iterator[StrangerNews]:
    """The same news in pieces that are learned quickly, the first with everything but most of the vectors."""
    known = news.known
    for start in range(0, max(len(known.labels), 1), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        yield StrangerNews(
            news.removed if start == 0 else news.removed[:0],
            replace(
                known,
                labels=known.labels[part],
                stranger_ids=known.stranger_ids[part],
                vectors=known.vectors[part],
                qualities=known.qualities[part],
            ),
            news.named,
        )

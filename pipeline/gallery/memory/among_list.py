"""A run's gallery of which one watchlist is searched: whoever is not on it is nobody there."""

from __future__ import annotations

import logging
from typing import Protocol

from pipeline.arrays import F32, I64
from pipeline.errors import GalleryError
from pipeline.gallery.memory.replica import Replica
from pipeline.types import Candidate, GalleryState

log = logging.getLogger(__name__)


class RunGallery(Protocol):
    """What a run searches: pinned, or followed."""

    @property
    def replica(self) -> Replica:
        """The people in memory."""
        ...

    @property
    def state(self) -> GalleryState:
        """What answers are made of now."""
        ...


class AmongList:
    """The people of one list. Implements `matching.stage.Search`.

    Names are given below the same distance as in the whole gallery, which is stricter than so few people need: a
    list that is searched alone never names a stranger more often than the gallery would.
    """

    def __init__(self, gallery: RunGallery, watchlist: str) -> None:
        """Raises GalleryError where there is no such list."""
        self._gallery = gallery
        self._watchlist = watchlist
        self._gone = False
        check_list(gallery.replica, watchlist)

    @property
    def replica(self) -> Replica:
        """Everybody, also who is not on the list."""
        return self._gallery.replica

    @property
    def state(self) -> GalleryState:
        """What answers are made of now."""
        return self._gallery.state

    def search(
        self, probes: F32, count: int, *, near: I64 | None = None
    ) -> tuple[tuple[Candidate, ...], ...]:
        """For each probe (Q, D) up to `count` people of the list, nearest first; nobody while the list is gone."""
        try:
            found = self.replica.search(probes, count, near=near, watchlist=self._watchlist)
        except GalleryError:
            if not self._gone:
                log.warning("the watchlist %s is gone: nobody is named until it is back", self._watchlist)
            self._gone = True
            return ((),) * len(probes)
        self._gone = False
        return found


def check_list(replica: Replica, watchlist: str) -> None:
    """Raise GalleryError where there is no list of this name."""
    names = [one.name for one in replica.watchlists]
    if watchlist not in names:
        there = f"there are: {', '.join(names)}" if names else "'watchlists create' begins one"
        raise GalleryError(f"there is no watchlist {watchlist!r}; {there}")

"""A run's gallery of which one watchlist is searched: whoever is not on it is nobody there."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.errors import GalleryError
from pipeline.gallery.memory.answer import EVERYBODY, Answer
from pipeline.gallery.memory.list_troubles import ListTroubles
from pipeline.gallery.memory.replica import Replica
from pipeline.types import GalleryState

ASKED_BY = "matching.watchlist"
"""who the list's troubles are told of"""


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

    @property
    def problem(self) -> str | None:
        """Why answers stay what they are, in a line; None while all is well."""
        ...

    def answer(
        self,
        probes: F32,
        count: int,
        *,
        near: I64 | None = None,
        watchlists: frozenset[str] = EVERYBODY,
        within: str | None = None,
    ) -> Answer:
        """For each probe (Q, D) up to `count` different people, nearest first: see Replica.answer."""
        ...


class AmongList:
    """The people of one list. Implements `matching.stage.Search`.

    Names are given below the same distance as in the whole gallery, here and where a camera has lists of its own.
    That is stricter than so few people need, on purpose. Whoever is of the gallery and not on the list is a stranger
    here, their own templates are not there to win, and nobody has measured how alike they are to those who are on it.
    And one distance is in force in one run, so that a sighting, which events tell with its threshold, means the same
    whichever camera it is by. A list that is searched alone names a stranger no more often than the gallery would.
    """

    def __init__(self, gallery: RunGallery, watchlist: str) -> None:
        """Raises GalleryError where there is no such list."""
        self._gallery = gallery
        self._watchlist = watchlist
        self._troubles = ListTroubles()
        check_list(gallery.replica, watchlist)
        self.answer(
            np.zeros((0, gallery.replica.index.dimension), np.float32), 1
        )  # so that an empty list is told now

    @property
    def replica(self) -> Replica:
        """Everybody, also who is not on the list."""
        return self._gallery.replica

    @property
    def state(self) -> GalleryState:
        """What answers are made of now."""
        return self._gallery.state

    @property
    def problem(self) -> str | None:
        """Why answers stay what they are, in a line; None while all is well."""
        return self._gallery.problem

    def answer(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> Answer:
        """For each probe (Q, D) up to `count` people of the list, nearest first; nobody while the list is gone.

        `watchlists`: look only among those of them who are on one of these as well.
        """
        found = self._gallery.answer(probes, count, near=near, watchlists=watchlists, within=self._watchlist)
        self._troubles.tell(ASKED_BY, frozenset({self._watchlist}), found)
        return found


def check_list(replica: Replica, watchlist: str) -> None:
    """Raise GalleryError where there is no list of this name."""
    names = [one.name for one in replica.watchlists]
    if watchlist not in names:
        there = f"there are: {', '.join(names)}" if names else "'watchlists create' begins one"
        raise GalleryError(f"there is no watchlist {watchlist!r}; {there}")

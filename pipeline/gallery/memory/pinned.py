"""The gallery of a run that must repeat itself: as it was when it was loaded, whatever is written meanwhile."""

from __future__ import annotations

from pipeline.arrays import F32, I64
from pipeline.gallery.memory.answer import EVERYBODY, Answer
from pipeline.gallery.memory.early_stop import stop_early
from pipeline.gallery.memory.replica import Replica
from pipeline.types import GalleryState


class PinnedGallery:
    """A replica and the distance for names that was derived from it. Implements `matching.stage.Search`."""

    problem: str | None = None
    """nothing can go wrong with what is in memory"""

    def __init__(self, replica: Replica, max_distance: float) -> None:
        """`max_distance`: squared L2; names are given below it."""
        self.replica = replica
        replica.name_below(max_distance)
        stop_early(replica.index, max_distance)
        replica.index.settle()

    @property
    def state(self) -> GalleryState:
        """What answers are made of."""
        return self.replica.state

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
        return self.replica.answer(probes, count, near=near, watchlists=watchlists, within=within)

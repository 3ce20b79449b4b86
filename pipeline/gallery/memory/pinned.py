"""The gallery of a run that must repeat itself: as it was when it was loaded, whatever is written meanwhile."""

from __future__ import annotations

from pipeline.arrays import F32, I64
from pipeline.gallery.memory.early_stop import stop_early
from pipeline.gallery.memory.replica import Replica
from pipeline.types import Candidate, GalleryState


class PinnedGallery:
    """A replica and the distance for names that was derived from it. Implements `matching.stage.Search`."""

    def __init__(self, replica: Replica, max_distance: float) -> None:
        """`max_distance`: squared L2; names are given below it."""
        self.replica = replica
        self.state = GalleryState(replica.version, max_distance)
        stop_early(replica.index, max_distance)
        replica.index.settle()

    def search(
        self, probes: F32, count: int, *, near: I64 | None = None
    ) -> tuple[tuple[Candidate, ...], ...]:
        """For each probe (Q, D) up to `count` different people, nearest first; `near`: see Replica.search."""
        return self.replica.search(probes, count, near=near)

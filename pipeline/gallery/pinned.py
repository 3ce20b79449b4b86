"""The gallery of a run that must repeat itself: as it was when it was loaded, whatever is written meanwhile."""

from __future__ import annotations

from pipeline.arrays import F32
from pipeline.gallery.replica import Replica
from pipeline.types import Candidate, GalleryState


class PinnedGallery:
    """A replica and the distance for names that was derived from it. Implements `matching.stage.Search`."""

    def __init__(self, replica: Replica, max_distance: float) -> None:
        """`max_distance`: squared L2; names are given below it."""
        self._replica = replica
        self.state = GalleryState(replica.version, max_distance)

    def search(self, probes: F32, count: int) -> tuple[tuple[Candidate, ...], ...]:
        """For each probe (Q, D) up to `count` different people, nearest first."""
        return self._replica.search(probes, count)

"""Telling an index below which distance names are given, where it can make use of that."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pipeline.gallery.indexes.index import Index


@runtime_checkable
class StopsEarly(Protocol):
    """An index that may end a search at a template that is near enough for a name, as ML-ANN does."""

    def stop_below(self, accept: float) -> None:
        """`accept`: squared L2; a search never ends at a template that is not nearer."""
        ...


def stop_early(index: Index, max_distance: float) -> None:
    """Names are given below `max_distance`, squared L2, from now on. For the thread that changes the index."""
    if isinstance(index, StopsEarly):
        index.stop_below(max_distance)

"""Telling an index whose templates are, and below which distance names are given, where it can make use of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from pipeline.arrays import I64
from pipeline.gallery.indexes.index import Index

Owners = Callable[[I64], I64]
"""whose these templates (N,) are, as numbers (N,): the same person, the same number"""


@runtime_checkable
class StopsEarly(Protocol):
    """An index that may end a search at a template that is near enough for a name, as ML-ANN does."""

    def know_owners(self, owners: Owners) -> None:
        """`owners`: asked of templates as they come in; near enough is what is nearer than most have others."""
        ...

    def stop_below(self, accept: float) -> None:
        """`accept`: squared L2; a search never ends at a template that is not nearer."""
        ...


def know_owners(index: Index, owners: Owners) -> None:
    """Whose templates are from now on, and those that are in it. For the thread that changes the index."""
    if isinstance(index, StopsEarly):
        index.know_owners(owners)


def stop_early(index: Index, max_distance: float) -> None:
    """Names are given below `max_distance`, squared L2, from now on. For the thread that changes the index."""
    if isinstance(index, StopsEarly):
        index.stop_below(max_distance)

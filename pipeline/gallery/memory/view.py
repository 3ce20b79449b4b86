"""What answers are made of at one version of the gallery, and whom a search looks among there."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipeline.arrays import I64
from pipeline.gallery.fusion import Several
from pipeline.gallery.memory.delta import Position
from pipeline.gallery.memory.roster import Ownership, Roster
from pipeline.types import GalleryState

KEPT = 64
"""sets of watchlists whose templates are remembered at a time: more than the cameras of one program have"""


@dataclass(frozen=True, slots=True)
class View:
    """What answers are made of at one version."""

    position: Position
    owned: Ownership = field(repr=False)
    people: int
    """who can be found"""
    several: Several = field(repr=False)
    max_distance: float = 0.0
    """squared L2 below which names are given; 0: it is not the gallery that knows"""

    def state(self, people: int, comparable: int, *, listed: bool = False) -> GalleryState:
        """What is told with an answer: how many it is about, and how many of them can be found."""
        return GalleryState(self.position.version, self.max_distance, people, comparable, listed)


@dataclass(frozen=True, slots=True)
class Sought:
    """Among whom a search looks, at one view."""

    view: View
    state: GalleryState
    labels: I64 | None
    """ascending; None for all"""
    unknown: tuple[str, ...] = ()
    """watchlists that were asked for and do not exist, in order of name"""
    empty: tuple[str, ...] = ()
    """those on which is nobody who can be found, in order of name"""

    @property
    def people(self) -> int:
        """How many can be found."""
        assert self.state.comparable is not None
        return self.state.comparable


class Narrowing:
    """Which templates are of the people on some watchlists: worked out once for each view, as it takes milliseconds."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._view: View | None = None
        self._known: dict[tuple[frozenset[str], str | None], Sought] = {}

    def sought(self, view: View, watchlists: frozenset[str], within: str | None) -> Sought:
        """Who is on one of the watchlists, or everybody where none is named, and on the list `within` as well."""
        if not watchlists and within is None:
            return Sought(view, view.state(len(self._roster), view.people), None)
        if self._view is not view or len(self._known) >= KEPT:
            self._view, self._known = view, {}
        known = self._known.get((watchlists, within))
        if known is None:
            known = self._known[watchlists, within] = self._narrowed(view, watchlists, within)
        return known

    def _narrowed(self, view: View, watchlists: frozenset[str], within: str | None) -> Sought:
        asked = watchlists if within is None else watchlists | {within}
        on = {name: self._roster.members(name) for name in sorted(asked)}
        there = {one.name for one in self._roster.watchlists}
        members = np.unique(np.concatenate([on[name] for name in watchlists or asked]))
        if within is not None:
            members = np.intersect1d(members, on[within])
        can_be_found = view.owned.counts(self._roster.numbers) > 0
        found = members[can_be_found[members]]
        return Sought(
            view,
            view.state(len(members), len(found), listed=True),
            view.owned.owned_by(found),
            tuple(name for name in on if name not in there),
            tuple(name for name in on if name in there and not can_be_found[on[name]].any()),
        )

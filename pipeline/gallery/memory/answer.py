"""What a search of a run's gallery says, and of whom it is said."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.types import Candidate, GalleryState

EVERYBODY: frozenset[str] = frozenset()
"""in place of names of watchlists: a search is not narrowed"""

People = tuple[tuple[Candidate, ...], ...]
"""for each probe (Q,) different people, nearest first"""


@dataclass(frozen=True, slots=True)
class Answer:
    """People, and the gallery that they come from: all of one version."""

    state: GalleryState
    """who could be found is counted among the lists that were asked for"""
    people: People
    unknown: tuple[str, ...] = ()
    """watchlists that were asked for and do not exist, in order of name"""
    empty: tuple[str, ...] = ()
    """those on which is nobody who can be found, in order of name"""

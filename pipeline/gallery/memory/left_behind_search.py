"""People whom an older embedder alone knows, found beside those of the serving one.

A model may be changed while no crop is kept of somebody's photos. Until they are seen again, or enrolled anew, a face
is embedded by the older model too, and those people alone are looked for among its templates. What is found there is
told on the serving model's scale: an older distance becomes the one that as many pairs of strangers are nearer than
(equal false accept rate), so that margin, threshold and events mean the same as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from sqlalchemy import Connection

from pipeline.arrays import F32, F64
from pipeline.gallery.calibration import OwnPairs
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.memory.answer import EVERYBODY, Answer, People
from pipeline.gallery.memory.delta import read_position, read_templates, read_watchlists
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.sightings.sighting_rows import pieces
from pipeline.gallery.storage.lookups import lists_of
from pipeline.gallery.upgrade.left_behind import LeftBehind
from pipeline.gallery.vectors import MAX_DISTANCE
from pipeline.types import Candidate

Scale = Callable[[float], float]
"""a squared L2 distance of the older model -> what it means on the serving model's scale"""


class Curve(Protocol):
    """How far apart strangers are, as a model sees them. engines.strangers.Strangers is one."""

    def rates_at(self, distances: F64) -> F64:
        """(N,) the share of strangers' pairs that are nearer than each."""
        ...

    def distances_at(self, rates: F64) -> F64:
        """(N,) what these shares of strangers' pairs are nearer than."""
        ...


def equal_far(older: Curve, serving: Curve) -> Scale:
    """By the statistics of strangers of both models: the distance that accepts as many strangers."""

    def told(distance: float) -> float:
        return float(serving.distances_at(older.rates_at(np.array([distance])))[0])

    return told


def in_proportion(older: float, serving: float) -> Scale:
    """Where statistics are missing: by the distances, squared L2, below which each model takes two faces for one."""
    factor = serving / older

    def told(distance: float) -> float:
        return min(distance * factor, MAX_DISTANCE)

    return told


def with_left_behind(own: OwnPairs, people: int) -> OwnPairs:
    """A gallery's pairs, with how many a stranger is compared with when so many people are left behind."""
    if not people:
        return own
    if own.people:
        return own.grown((own.people + people) / own.people)
    return replace(own, people=people, templates=people, comparisons=float(people))


@dataclass(frozen=True, slots=True)
class OlderTemplates:
    """The older templates of people who are left behind, searchable."""

    replica: Replica
    model_id: str

    @property
    def people(self) -> int:
        """Who can be found."""
        return self.replica.view.people


def read_older(
    connection: Connection, model_id: str, left: Sequence[LeftBehind], index: Index
) -> OlderTemplates:
    """The templates by this model of those who are left behind, in an empty index. Raises StoreError, GalleryError."""
    replica = Replica(index)
    theirs = [one for one in left if model_id in one.model_ids]
    replica.meet({one.person_id: one.name for one in theirs})
    replica.list_everybody(
        read_watchlists(connection), lists_of(connection, [one.person_id for one in theirs])
    )
    labels = sorted(label for one in theirs for label in one.labels)
    for some in pieces(labels):
        block = read_templates(connection, model_id, np.array(some, np.int64))
        replica.hold(block.labels, block.person_ids, block.vectors)
    replica.show(read_position(connection))
    replica.index.settle()
    return OlderTemplates(replica, model_id)


class LeftBehindSearch:
    """Joins them to the answers of the serving model's gallery. Implements `matching.stage.OlderSearch`."""

    def __init__(
        self,
        older: OlderTemplates,
        told_as: Scale,
        names: Callable[[], Mapping[str, str]],
        within: str | None = None,
    ) -> None:
        """
        Args:
            names: everybody's name by id as they are now: whoever is forgotten is not told of, and nobody by an old
                name.
            within: look only among the people of this watchlist; None: among all.
        """
        self.older = older
        self._told_as = told_as
        self._names = names
        self._within = within

    def join(
        self,
        answer: Answer,
        probes: Sequence[F32 | None],
        count: int,
        *,
        watchlists: frozenset[str] = EVERYBODY,
    ) -> Answer:
        """The answer with these people among its candidates, each person once, nearest first.

        Args:
            probes: for each row of the answer the same face (E,) by the older model; None where it was not asked.
            count: people a row at most.
            watchlists: as the answer was asked for.
        """
        rows = [row for row, probe in enumerate(probes) if probe is not None]
        asked = [probe for probe in probes if probe is not None]
        vectors = np.stack(asked) if asked else np.zeros((0, self.older.replica.index.dimension), np.float32)
        found = self.older.replica.answer(vectors, count, watchlists=watchlists, within=self._within)
        joined: list[tuple[Candidate, ...]] = list(answer.people)
        for row, people in zip(rows, found.people, strict=True):
            joined[row] = self._joined(joined[row], people, count)
        more = found.state.comparable or 0
        comparable = None if answer.state.comparable is None else answer.state.comparable + more
        empty = tuple(name for name in answer.empty if name in found.empty)
        return replace(
            answer, state=replace(answer.state, comparable=comparable), people=tuple(joined), empty=empty
        )

    def of(self, probes: F32, count: int) -> People:
        """For each probe (Q, E) by the older model up to `count` of these people, nearest first."""
        found = self.older.replica.answer(probes, count, within=self._within)
        return tuple(self._joined((), people, count) for people in found.people)

    def _joined(
        self, serving: tuple[Candidate, ...], older: tuple[Candidate, ...], count: int
    ) -> tuple[Candidate, ...]:
        names = self._names()
        known = {one.person_id for one in serving}  # by the serving model by now: that one counts
        told = [
            replace(one, name=name, distance=self._told_as(one.distance))
            for one in older
            if one.person_id not in known and (name := names.get(one.person_id)) is not None
        ]
        both = sorted((*serving, *told), key=lambda one: (one.distance, one.person_id))
        return tuple(both[:count])

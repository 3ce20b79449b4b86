"""Where a face was seen before: past sightings, of known people and of strangers, by their distance.

A small past, or one person's, is read from the database. A large one is searched by an index of projections
(past_index), kept on disk (past_file) and brought up to date before each search; what that finds is looked up in the
database.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from pipeline.gallery.comparable import Comparable, name_of
from pipeline.gallery.past.past import sightings_at
from pipeline.gallery.past.past_file import PastFile
from pipeline.gallery.past.past_index import PastFilter, PastIndex
from pipeline.gallery.past.past_keeping import gallery_id_of, open_past, read_past, wipe_past
from pipeline.gallery.past.past_ranking import (
    Probe,
    Ranked,
    count_kept,
    count_searchable,
    models_left_out,
    rank,
    rank_all,
    span_of_labels,
)
from pipeline.gallery.sightings.sighting_records import Sighting
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.lookups import names_of

INDEX_FROM = 20_000
"""sightings from which there is an index; fewer are read and compared in less than half a second"""

FIRST, FIRST_COUNT = 96, 3
"""candidates that are looked up in the database first, and for each sighting that is asked for"""

CANDIDATES = 512
"""looked up where those do not prove that none of the others is nearer. Of 200,000 drawn like real ones the 20 nearest
were always among the 200 with the nearest projections"""

TIMES_COUNT = 8
"""candidates for each sighting that is asked for"""

MOST_GONE = 0.5
"""share of the candidates that may be gone from the database before the file is compared with it"""


@dataclass(frozen=True, slots=True)
class PastMatch:
    """A past sighting that may show the face."""

    label: int
    sighting: Sighting
    """without its vector"""
    name: str | None
    """of its person"""
    distance: float
    """squared L2 in [0, 4]"""

    @property
    def similarity(self) -> float:
        """cosine, 1 - distance / 2"""
        return 1.0 - self.distance / 2.0


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """What was found."""

    matches: tuple[PastMatch, ...]
    """nearest first"""
    compared: int
    """sightings that were asked for and have such a vector; of an index some that are gone may count"""
    certain: bool
    """whether it is proved that none was left out that is as near; else it is as good as certain"""


class Past:
    """The sightings of comparable models. For one thread; programs beside it may search, write and erase."""

    def __init__(self, database: Database, data: Path | None, comparable: Comparable) -> None:
        """`data`: below which the index is kept; None: in memory only."""
        self.comparable = comparable
        self._database = database
        self._data = data
        self._index: PastIndex | None = None
        self._gallery_id = ""

    def search(self, probe: Probe, asked: PastFilter, count: int) -> PastAnswer:
        """The `count` nearest of the sightings that are asked for. Raises StoreError."""
        if name_of(probe.comparable) != name_of(self.comparable):
            of_probe, of_past = name_of(probe.comparable), name_of(self.comparable)
            raise ValueError(f"the probe is of {of_probe} and the past of {of_past}")
        if asked.person_id is None and asked.stranger_id is None and not self._is_small():
            answer = self._by_index(probe, asked, count)
            if answer is None:
                self._drop_what_is_gone()
                answer = self._by_index(probe, asked, count)
            if answer is not None:
                return answer
        with self._database.reading() as connection:
            ranked = rank_all(connection, probe, asked)
            return _answer(connection, ranked, count, len(ranked.labels), math.inf)

    def not_comparable(self) -> int:
        """Sightings without a vector of these models. Raises StoreError."""
        small = self._is_small()
        if not small:
            self.refresh()
        with self._database.reading() as connection:
            have = count_searchable(connection, self.comparable) if small else self._loaded().live
            return max(count_kept(connection) - have, 0)

    def models_left_out(self) -> dict[str, int]:
        """How many sightings have a vector of another model, by model_id. Raises StoreError."""
        with self._database.reading() as connection:
            return models_left_out(connection, self.comparable)

    def refresh(self) -> None:
        """Bring the index up to what is in the database now, as `search` does. Raises StoreError."""
        gallery_id = gallery_id_of(self._database)
        if self._index is None or gallery_id != self._gallery_id:
            file = None if self._data is None else PastFile(self._data, self.comparable)
            self._index = open_past(self._database, file, self.comparable)
            self._gallery_id = gallery_id
        for found in read_past(self._database, self.comparable, self._index.last):
            self._index.add(self._index.rows_of(found))

    def _is_small(self) -> bool:
        with self._database.reading() as connection:
            return span_of_labels(connection) < INDEX_FROM

    def _loaded(self) -> PastIndex:
        assert self._index is not None
        return self._index

    def _by_index(self, probe: Probe, asked: PastFilter, count: int) -> PastAnswer | None:
        """None where most of what the index found is gone."""
        self.refresh()
        found = self._loaded().nearest(probe.vector, asked, max(CANDIDATES, TIMES_COUNT * count))
        with self._database.reading() as connection:
            # The first few mostly prove that they are enough.
            for few in (max(FIRST, FIRST_COUNT * count), len(found.labels)):
                ranked, beyond = rank(connection, probe, asked, found.labels[:few]), found.beyond_first(few)
                if _is_proved(ranked, count, beyond):
                    break
            if len(ranked.gone) > MOST_GONE * len(found.labels):
                return None
            return _answer(connection, ranked, count, found.compared, beyond)

    def _drop_what_is_gone(self) -> None:
        self._index = None
        if self._data is not None:
            wipe_past(self._database, self._data)


def _answer(connection: Connection, ranked: Ranked, count: int, compared: int, beyond: float) -> PastAnswer:
    """`beyond`: squared L2; sightings that were not ranked are at least so far."""
    best = ranked.labels[:count].tolist()
    rows = sightings_at(connection, best)
    names = names_of(connection, [each.person_id for each in rows.values() if each.person_id is not None])
    matches = tuple(
        PastMatch(label, rows[label], names.get(rows[label].person_id or ""), float(distance))
        for label, distance in zip(best, ranked.distances, strict=False)
    )
    return PastAnswer(matches, compared, _is_proved(ranked, count, beyond))


def _is_proved(ranked: Ranked, count: int, beyond: float) -> bool:
    """Whether the nearest that were ranked are the nearest of all."""
    farthest = float(ranked.distances[count - 1]) if len(ranked.distances) >= count else math.inf
    return farthest <= beyond

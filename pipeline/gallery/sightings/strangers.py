"""People whom nobody has named, kept in the gallery's database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import Connection, and_, not_, or_, select, update

from pipeline.errors import GalleryError
from pipeline.gallery.comparable import Comparable, is_comparable
from pipeline.gallery.sightings.sighting_records import (
    KnownStrangers,
    MergedStrangers,
    NamedStranger,
    RunOfCamera,
    Stranger,
    StrangerChange,
    StrangerChangeKind,
    StrangerFilter,
    StrangerState,
    StrangerSummary,
)
from pipeline.gallery.sightings.sighting_rows import AnyRow, pieces
from pipeline.gallery.sightings.stranger_history import (
    StrangerHistory,
    stranger_changes_since,
    stranger_version,
)
from pipeline.gallery.sightings.stranger_naming import NamingRules, name_stranger
from pipeline.gallery.sightings.stranger_rows import find_stranger, still_unknown, stranger_summary, summaries
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.tables import sightings, strangers
from pipeline.gallery.vectors import stacked

AT_ONCE = 1000
"""vectors erased in one transaction: a running monitor writes to the same database"""


class Strangers:
    """The strangers of a gallery. Every write is one transaction. All methods raise StoreError where it fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(
        self, comparable: Comparable, without: Sequence[RunOfCamera] = (), only: Sequence[int] | None = None
    ) -> KnownStrangers:
        """Who can be recognised by vectors of these models, at one version.

        `without`: what these cameras of these runs wrote counts as not there. `only`: the vectors of these labels
        alone, as a replica asks for those that were added since; who is ignored and merged is always told in full.
        """
        with self._database.reading() as connection:
            found = _standing(connection, comparable, without, only)
            ignored = select(strangers.c.id).where(strangers.c.state == StrangerState.IGNORED.value)
            merged = select(strangers.c.id, strangers.c.merged_into).where(
                strangers.c.state == StrangerState.MERGED.value
            )
            return KnownStrangers(
                version=stranger_version(connection),
                labels=np.array([row.label for row in found], np.int64),
                stranger_ids=tuple(row.stranger_id for row in found),
                vectors=stacked([row.vector for row in found], "sightings"),
                qualities=np.array([row.quality for row in found], np.float32),
                ignored=frozenset(connection.execute(ignored).scalars()),
                merged={row.id: row.merged_into for row in connection.execute(merged)},
            )

    def version(self) -> int:
        """Number of the last change; 0 where no stranger was ever seen."""
        with self._database.reading() as connection:
            return stranger_version(connection)

    def changes_since(self, seq: int) -> tuple[StrangerChange, ...]:
        """The changes after this one, in order."""
        with self._database.reading() as connection:
            return stranger_changes_since(connection, seq)

    def listed(self, wanted: StrangerFilter | None = None) -> tuple[StrangerSummary, ...]:
        """The strangers asked for, also those seen once, the one seen last first."""
        with self._database.reading() as connection:
            return summaries(connection, wanted or StrangerFilter())

    def find(self, id_or_prefix: str) -> Stranger:
        """The stranger of this id, or of the only id that begins like this; merges are followed.

        Raises GalleryError that says who may have been meant.
        """
        with self._database.reading() as connection:
            return find_stranger(connection, id_or_prefix)

    def summary(self, stranger_id: str) -> StrangerSummary:
        """One stranger and where they were seen. Raises GalleryError where there is none of exactly this id."""
        with self._database.reading() as connection:
            return stranger_summary(connection, stranger_id)

    def merge(self, gone: str, into: str) -> MergedStrangers:
        """Make two strangers one, who goes on under the second's id; a correction is due for the first's sightings.

        Raises GalleryError where one of them is gone or has a name by now, or both are one already.
        """
        with self._database.writing() as connection:
            first, second = still_unknown(connection, gone), still_unknown(connection, into)
            if first.id == second.id:
                raise GalleryError(f"{gone} and {into} are one already")
            moved = update(sightings).where(sightings.c.stranger_id == first.id)
            count = connection.execute(moved.values(stranger_id=second.id, seq=sightings.c.seq + 1)).rowcount
            # Whoever went on as the first goes on as the second: chains are one step long, and never a circle.
            led_here = or_(strangers.c.id == first.id, strangers.c.merged_into == first.id)
            merged = {"state": StrangerState.MERGED.value, "merged_into": second.id}
            connection.execute(update(strangers).where(led_here).values(merged))
            _note(connection, StrangerChangeKind.STRANGER_MERGED, first.id)
        return MergedStrangers(second.id, first.id, count)

    def name(self, stranger_id: str, name_or_id: str, rules: NamingRules) -> NamedStranger:
        """Make a stranger the person of this name or id, who is made if there is nobody of this name.

        The person gets templates of the best, most different vectors that stand for the stranger, and all past
        sightings, each with a correction due. Raises GalleryError as `name_stranger` does.
        """
        with self._database.writing() as connection:
            history = StrangerHistory(connection)
            who = still_unknown(connection, stranger_id)
            named = name_stranger(connection, history, who, name_or_id, rules)
            history.write()
        return named

    def ignore(self, stranger_id: str) -> Stranger:
        """Let no event tell of a stranger any more. Raises GalleryError where they are gone or have a name."""
        return self._set_state(stranger_id, StrangerState.IGNORED, StrangerChangeKind.STRANGER_IGNORED)

    def unignore(self, stranger_id: str) -> Stranger:
        """Let events tell of a stranger again. Raises GalleryError where they are gone or have a name."""
        return self._set_state(stranger_id, StrangerState.OPEN, StrangerChangeKind.STRANGER_REOPENED)

    def expire_vectors(self, written_before: datetime) -> int:
        """Erase the vectors of unknown people's sightings written before this time; how many.

        In transactions of AT_ONCE sightings each. By those left without one nobody is recognised or found any more.
        """
        erased = 0
        while True:
            with self._database.writing() as connection:
                count = _erase_vectors(connection, written_before)
            erased += count
            if count < AT_ONCE:
                return erased

    def _set_state(self, stranger_id: str, state: StrangerState, kind: StrangerChangeKind) -> Stranger:
        with self._database.writing() as connection:
            found = still_unknown(connection, stranger_id)
            if found.state is not state:
                of_stranger = update(strangers).where(strangers.c.id == found.id)
                connection.execute(of_stranger.values(state=state.value))
                _note(connection, kind, found.id)
            return still_unknown(connection, found.id)


def _note(connection: Connection, kind: StrangerChangeKind, stranger_id: str) -> None:
    history = StrangerHistory(connection)
    history.note(kind, stranger_id)
    history.write()


def _erase_vectors(connection: Connection, written_before: datetime) -> int:
    old = connection.execute(
        select(sightings.c.label, sightings.c.stranger_id, sightings.c.stands)
        .where(sightings.c.written_at < written_before)
        .where(sightings.c.stranger_id.is_not(None), sightings.c.vector.is_not(None))
        .order_by(sightings.c.written_at)
        .limit(AT_ONCE)
    ).all()
    history = StrangerHistory(connection)
    for row in old:
        if row.stands:
            history.note(StrangerChangeKind.VECTOR_REMOVED, row.stranger_id, row.label)
    history.write()
    for piece in pieces(row.label for row in old):
        erased = update(sightings).where(sightings.c.label.in_(piece))
        connection.execute(erased.values(vector=None, stands=False))
    return len(old)


def _standing(
    connection: Connection, comparable: Comparable, without: Sequence[RunOfCamera], only: Sequence[int] | None
) -> list[AnyRow]:
    """Sightings that stand for strangers, in order of label."""
    columns = (sightings.c.label, sightings.c.stranger_id, sightings.c.vector, sightings.c.quality)
    asked = (
        select(*columns)
        .where(sightings.c.stands, sightings.c.stranger_id.is_not(None), sightings.c.vector.is_not(None))
        .where(is_comparable(sightings.c.model_id, comparable))
        .order_by(sightings.c.label)
    )
    if without:
        runs = (and_(sightings.c.camera == each.camera, sightings.c.run == each.run) for each in without)
        asked = asked.where(not_(or_(*runs)))
    if only is None:
        return list(connection.execute(asked).all())
    return [
        row
        for piece in pieces(sorted(set(only)))
        for row in connection.execute(asked.where(sightings.c.label.in_(piece)))
    ]

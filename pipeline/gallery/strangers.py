"""People whom nobody has named, kept in the gallery's database."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, and_, not_, or_, select

from pipeline.gallery.database import Database
from pipeline.gallery.sighting_records import KnownStrangers, RunOfCamera, StrangerChange, StrangerState
from pipeline.gallery.sighting_rows import AnyRow, pieces, stacked
from pipeline.gallery.stranger_history import stranger_changes_since, stranger_version
from pipeline.gallery.tables import sightings, strangers


class Strangers:
    """The strangers of a gallery. Every write is one transaction. All methods raise StoreError where it fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(
        self, model_id: str, without: Sequence[RunOfCamera] = (), only: Sequence[int] | None = None
    ) -> KnownStrangers:
        """Who can be recognised by vectors of this model, at one version.

        `without`: what these cameras of these runs wrote counts as not there. `only`: the vectors of these labels
        alone, as a replica asks for those that were added since; who is ignored and merged is always told in full.
        """
        with self._database.reading() as connection:
            found = _standing(connection, model_id, without, only)
            ignored = select(strangers.c.id).where(strangers.c.state == StrangerState.IGNORED.value)
            merged = select(strangers.c.id, strangers.c.merged_into).where(
                strangers.c.state == StrangerState.MERGED.value
            )
            return KnownStrangers(
                version=stranger_version(connection),
                labels=np.array([row.label for row in found], np.int64),
                stranger_ids=tuple(row.stranger_id for row in found),
                vectors=stacked([row.vector for row in found]),
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


def _standing(
    connection: Connection, model_id: str, without: Sequence[RunOfCamera], only: Sequence[int] | None
) -> list[AnyRow]:
    """Sightings that stand for strangers, in order of label."""
    columns = (sightings.c.label, sightings.c.stranger_id, sightings.c.vector, sightings.c.quality)
    asked = (
        select(*columns)
        .where(sightings.c.stands, sightings.c.stranger_id.is_not(None), sightings.c.vector.is_not(None))
        .where(sightings.c.model_id == model_id)
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

"""Writing sightings within a transaction, and noting what replicas of the strangers have to hear of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, update

from pipeline.gallery.sightings.sighting_places import Placed
from pipeline.gallery.sightings.sighting_records import RunOfCamera, StrangerChangeKind, StrangerState
from pipeline.gallery.sightings.sighting_rows import AnyRow, pieces, sighting_values
from pipeline.gallery.sightings.stranger_history import StrangerHistory
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.tables import sightings, strangers
from pipeline.gallery.vectors import to_bytes

_KEPT = (
    sightings.c.label,
    sightings.c.sighting_id,
    sightings.c.seq,
    sightings.c.over,
    sightings.c.person_id,
    sightings.c.stranger_id,
    sightings.c.stands,
    sightings.c.model_id,
    sightings.c.vector,
)


@dataclass(frozen=True, slots=True)
class Writing:
    """A transaction that writes sightings."""

    connection: Connection
    history: StrangerHistory

    def stored(self, sighting_ids: Iterable[str]) -> dict[str, AnyRow]:
        """What is kept of these sightings, by their ids."""
        found: dict[str, AnyRow] = {}
        for piece in pieces(sighting_ids):
            asked = select(*_KEPT).where(sightings.c.sighting_id.in_(piece))
            found |= {row.sighting_id: row for row in self.connection.execute(asked)}
        return found

    def of_run(self, run: RunOfCamera) -> Sequence[AnyRow]:
        """What is kept of this camera's part of a run."""
        asked = select(*_KEPT).where(sightings.c.run == run.run, sightings.c.camera == run.camera)
        return self.connection.execute(asked).all()

    def written_before(self, at: datetime, count: int) -> Sequence[AnyRow]:
        """Up to `count` that were written before this time."""
        asked = (
            select(*_KEPT).where(sightings.c.written_at < at).order_by(sightings.c.written_at).limit(count)
        )
        return self.connection.execute(asked).all()

    def put(self, placed: Sequence[Placed], stored: Mapping[str, AnyRow]) -> None:
        """Write these; a row whose vector still stands for the same keeps its label, others get a new one."""
        written_at = rows.now()
        new, same, gone = [], [], []
        for one in placed:
            values = sighting_values(one.sighting, one.told_seq, written_at)
            before = stored.get(one.sighting.sighting_id)
            if before is not None and _same_vector(one, before):
                same.append({**values, "of_label": before.label})
                continue
            if before is not None:
                gone.append(before)
            new.append(values)
        self.remove(gone)
        for piece in pieces(same):
            of_row = sightings.c.label == bindparam("of_label")
            self.connection.execute(update(sightings).where(of_row), piece)
        for piece in pieces(new):
            self._insert(piece)

    def _insert(self, new: list[dict[str, object]]) -> None:
        added = insert(sightings).returning(
            sightings.c.label, sightings.c.stranger_id, sightings.c.stands, sort_by_parameter_order=True
        )
        for row in self.connection.execute(added, new):
            if row.stands:
                self.history.note(StrangerChangeKind.VECTOR_ADDED, row.stranger_id, row.label)

    def remove(self, gone: Sequence[AnyRow]) -> None:
        """Delete these rows; of strangers who are left with nothing, `sweep` is told apart."""
        for row in gone:
            if row.stands:
                self.history.note(StrangerChangeKind.VECTOR_REMOVED, row.stranger_id, row.label)
        for piece in pieces(row.label for row in gone):
            self.connection.execute(delete(sightings).where(sightings.c.label.in_(piece)))

    def sweep(self, stranger_ids: Iterable[str | None]) -> None:
        """Let those of these strangers vanish who have no sighting left and of whom nobody ever said anything."""
        other = strangers.alias()
        for piece in pieces(sorted({each for each in stranger_ids if each is not None})):
            self.connection.execute(
                delete(strangers).where(
                    strangers.c.id.in_(piece),
                    strangers.c.state == StrangerState.OPEN.value,
                    ~exists().where(sightings.c.stranger_id == strangers.c.id),
                    ~exists().where(other.c.merged_into == strangers.c.id),
                )
            )


def _same_vector(one: Placed, before: AnyRow) -> bool:
    """Whether what replicas know of this row stays true."""
    now = one.sighting
    vector = None if now.vector is None else to_bytes(now.vector)
    standing = (now.stranger_id, now.stands) == (before.stranger_id, before.stands)
    return standing and now.model_id == before.model_id and vector == before.vector

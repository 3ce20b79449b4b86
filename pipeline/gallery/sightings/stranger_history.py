"""The numbered history of strangers, as writers continue it: what replicas of them follow."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from pipeline.gallery.sightings.sighting_records import StrangerChange, StrangerChangeKind
from pipeline.gallery.storage.tables import STRANGER_CHANGES, change_counter, stranger_changes

_COUNTER = change_counter.c.id == STRANGER_CHANGES


class StrangerHistory:
    """The changes of one writing transaction, numbered when it is about to commit."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._noted: list[StrangerChange] = []

    def note(self, kind: StrangerChangeKind, stranger_id: str, label: int | None = None) -> None:
        """Remember a change, to be written with the others."""
        self._noted.append(StrangerChange(len(self._noted) + 1, kind, stranger_id, label))

    def write(self) -> None:
        """Number and write what was noted; the last thing before the commit."""
        if not self._noted:
            return
        taken = update(change_counter).where(_COUNTER).values(seq=change_counter.c.seq + len(self._noted))
        before = self._connection.execute(taken.returning(change_counter.c.seq)).scalar_one() - len(
            self._noted
        )
        rows = [
            {
                "seq": before + change.seq,
                "kind": change.kind.value,
                "stranger_id": change.stranger_id,
                "label": change.label,
            }
            for change in self._noted
        ]
        self._connection.execute(insert(stranger_changes), rows)
        self._noted.clear()


def stranger_version(connection: Connection) -> int:
    """Number of the last change."""
    return int(connection.execute(select(change_counter.c.seq).where(_COUNTER)).scalar_one())


def stranger_changes_since(connection: Connection, seq: int) -> tuple[StrangerChange, ...]:
    """The changes after this one, in order."""
    asked = select(stranger_changes).where(stranger_changes.c.seq > seq).order_by(stranger_changes.c.seq)
    return tuple(
        StrangerChange(row.seq, StrangerChangeKind(row.kind), row.stranger_id, row.label)
        for row in connection.execute(asked)
    )

"""Which embedder the gallery is searched with: a row a switch, the last one serves."""

from __future__ import annotations

from sqlalchemy import Connection, insert, inspect, select

from pipeline.gallery.storage import history, rows
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.history import Happened
from pipeline.gallery.storage.records import ChangeKind, Serving
from pipeline.gallery.storage.tables import serving as serving_table

NOBODY = ""
"""whom a switch is about"""


def serving(connection: Connection) -> Serving | None:
    """The embedder that the gallery was switched to last; None where it never was."""
    asked = select(serving_table).order_by(serving_table.c.number.desc()).limit(1)
    row = connection.execute(asked).one_or_none()
    return None if row is None else Serving(row.number, row.model, row.model_id, row.since)


def look_what_serves(database: Database) -> Serving | None:
    """The same of a database that is not open, of whatever schema. Raises StoreError, GalleryError."""
    with database.looking() as connection:
        there = serving_table.name in inspect(connection).get_table_names()
        return serving(connection) if there else None


def switches(connection: Connection) -> tuple[Serving, ...]:
    """Every switch, the oldest first."""
    found = connection.execute(select(serving_table).order_by(serving_table.c.number))
    return tuple(Serving(row.number, row.model, row.model_id, row.since) for row in found)


def serve(connection: Connection, model: str, model_id: str) -> Serving:
    """Switch to this embedder in a writing transaction; at its commit it serves, for everybody at once."""
    last = serving(connection)
    new = Serving(1 if last is None else last.number + 1, model, model_id, rows.now())
    values = {"number": new.number, "model": model, "model_id": model_id, "since": new.since}
    connection.execute(insert(serving_table), values)
    history.note(connection, [Happened(ChangeKind.MODEL_SERVED, NOBODY)])
    return new

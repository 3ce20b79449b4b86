"""A gallery as schema 3 had it: today's without what schema 4 added."""

from __future__ import annotations

from sqlalchemy import text

from pipeline.gallery.storage.store import Store


def back_to_schema_3(store: Store) -> None:
    """Make this gallery one of schema 3."""
    with store.database.writing() as connection:
        connection.execute(text("DROP TABLE serving"))
        connection.execute(text("UPDATE schema_version SET version = 3"))

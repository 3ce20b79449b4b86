"""A gallery as schema 2 had it: schema 3's without what that added."""

from __future__ import annotations

from sqlalchemy import text

from pipeline.gallery.storage.store import Store
from tests.gallery.schema_3 import back_to_schema_3

ADDED = ("explanation", "nearest_person_id", "second_person_id")
"""columns of sightings"""


def back_to_schema_2(store: Store) -> None:
    """Make this gallery one of schema 2."""
    back_to_schema_3(store)
    with store.database.writing() as connection:
        for column in ADDED:
            connection.execute(text(f"ALTER TABLE sightings DROP COLUMN {column}"))
        connection.execute(text("UPDATE schema_version SET version = 2"))

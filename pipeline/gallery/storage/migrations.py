"""From an older schema to this one, step by step, in one transaction.

A step only adds, or copies before it drops: a gallery that fails on the way is what it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from sqlalchemy import Connection, insert, inspect, text, update
from sqlalchemy.schema import CreateColumn

from pipeline.gallery.storage.tables import (
    CHANGES,
    SCHEMA_VERSION,
    STRANGER_CHANGES,
    backups,
    change_counter,
    gallery,
    memberships,
    metadata,
    schema_version,
    serving,
    sightings,
    stranger_changes,
    strangers,
    templates,
    watchlists,
)


def lay_tables(connection: Connection) -> None:
    """Begin a new gallery of this schema."""
    metadata.create_all(connection, checkfirst=False)
    connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
    connection.execute(
        insert(change_counter), [{"id": CHANGES, "seq": 0}, {"id": STRANGER_CHANGES, "seq": 0}]
    )
    _give_id(connection)


def migrate(connection: Connection, version: int) -> None:
    """Bring a gallery of this older version, which `can_migrate`, to SCHEMA_VERSION."""
    for step in range(version, SCHEMA_VERSION):
        _STEPS[step](connection)
    connection.execute(update(schema_version).values(version=SCHEMA_VERSION))


def _from_1(connection: Connection) -> None:
    """Watchlists, sightings, strangers, backups, an id of the gallery's own, and templates found by their image."""
    added = [gallery, watchlists, memberships, strangers, sightings, stranger_changes, backups]
    metadata.create_all(connection, tables=added, checkfirst=False)
    for index in templates.indexes:
        index.create(connection, checkfirst=True)
    connection.execute(insert(change_counter).values(id=STRANGER_CHANGES, seq=0))
    _give_id(connection)


def _from_2(connection: Connection) -> None:
    """Why a sighting has its name, or none."""
    there = {column["name"] for column in inspect(connection).get_columns(sightings.name)}
    for column in (sightings.c.explanation, sightings.c.nearest_person_id, sightings.c.second_person_id):
        if column.name not in there:  # a gallery of schema 1 has got the table as it is now
            written = CreateColumn(column).compile(dialect=connection.dialect)
            connection.execute(text(f"ALTER TABLE {sightings.name} ADD COLUMN {written}"))


def _from_3(connection: Connection) -> None:
    """Which embedder serves."""
    metadata.create_all(connection, tables=[serving], checkfirst=False)


def _give_id(connection: Connection) -> None:
    connection.execute(insert(gallery).values(id=secrets.token_hex(16)))


def can_migrate(version: int) -> bool:
    """Whether steps lead from this older version to SCHEMA_VERSION."""
    return version in _STEPS


_STEPS: Mapping[int, Callable[[Connection], None]] = {1: _from_1, 2: _from_2, 3: _from_3}
"""what leads away from each older version"""

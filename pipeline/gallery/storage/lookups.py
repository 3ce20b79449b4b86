"""What people are called and which watchlists they are on, by id, for many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from pipeline.gallery.sightings.sighting_rows import pieces
from pipeline.gallery.storage.tables import memberships, people, watchlists
from pipeline.types import Watchlist


def names_of(connection: Connection, person_ids: Iterable[str]) -> dict[str, str]:
    """What those of these people who are there are called."""
    asked = select(people.c.id, people.c.name)
    return {row.id: row.name for row in among(connection, asked, people.c.id, sorted(set(person_ids)))}


def lists_of(connection: Connection, person_ids: Iterable[str] | None) -> dict[str, tuple[Watchlist, ...]]:
    """The watchlists of those of these people who are on one, in order of name; None: of everybody who is."""
    asked = select(memberships.c.person_id, watchlists.c.name, watchlists.c.purpose).join_from(
        memberships, watchlists
    )
    listed: Iterable[Any] = (
        connection.execute(asked)
        if person_ids is None
        else among(connection, asked, memberships.c.person_id, sorted(set(person_ids)))
    )
    found: dict[str, list[Watchlist]] = {}
    for row in listed:
        found.setdefault(row.person_id, []).append(Watchlist(row.name, row.purpose))
    return {one: tuple(sorted(lists, key=lambda each: each.name)) for one, lists in found.items()}


def among(
    connection: Connection, asked: Select[Any], column: ColumnElement[Any], values: Iterable[str | int]
) -> Iterator[Any]:
    """The rows whose column is one of these values, some values at a time."""
    for piece in pieces(values):
        yield from connection.execute(asked.where(column.in_(piece)))

"""Which rows are a person's, and how they are erased: in the gallery and, the same way, in its backups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, case, delete, or_, select, update

from pipeline.gallery.sightings.sighting_records import StrangerChangeKind
from pipeline.gallery.sightings.sighting_rows import pieces
from pipeline.gallery.sightings.stranger_history import StrangerHistory
from pipeline.gallery.storage.records import ChangeKind
from pipeline.gallery.storage.tables import (
    changes,
    crops,
    memberships,
    metadata,
    people,
    sightings,
    stranger_changes,
    strangers,
    templates,
)

HISTORIES = (changes, stranger_changes)
"""they keep the ids of everybody who ever was, which are random, and nothing else"""


@dataclass(frozen=True, slots=True)
class Whom:
    """Who is meant, by every id they go by or went by. The ids are random, or hashes of random ones."""

    people: frozenset[str] = frozenset()
    strangers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.people or self.strangers)

    def __or__(self, other: Whom) -> Whom:
        return Whom(self.people | other.people, self.strangers | other.strangers)


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table."""

    table: Table
    which: ColumnElement[bool]


def whom(connection: Connection, person_id: str) -> Whom:
    """A person, those who were merged into them, and the strangers who turned out to be them.

    An older backup has the one or the other under the id of that time.
    """
    # The change before PERSON_MERGED is of the same transaction, and about the one who stays (`merge`).
    gone, before = changes.alias("gone"), changes.alias("before")
    merged = select(gone.c.person_id).join_from(gone, before, before.c.seq == gone.c.seq - 1)
    merged = merged.where(gone.c.kind == ChangeKind.PERSON_MERGED)
    found, new = {person_id}, {person_id}
    while new:
        into = (merged.where(before.c.person_id.in_(piece)) for piece in pieces(sorted(new)))
        new = {one for asked in into for one in connection.execute(asked).scalars()} - found
        found |= new
    return _with_strangers(connection, Whom(frozenset(found)))


def stranger(connection: Connection, stranger_id: str) -> Whom:
    """A stranger, and those who were merged into them."""
    return _with_strangers(connection, Whom(strangers=frozenset({stranger_id})))


def found_in(connection: Connection, whom: Whom) -> Whom:
    """Those of them whom this gallery or backup has, with the strangers it takes for them."""
    known: set[str] = set()
    for piece in pieces(sorted(whom.people)):
        known |= set(connection.execute(select(people.c.id).where(people.c.id.in_(piece))).scalars())
    unnamed: set[str] = set()
    for piece in pieces(sorted(whom.strangers)):
        unnamed |= set(connection.execute(select(strangers.c.id).where(strangers.c.id.in_(piece))).scalars())
    return _with_strangers(connection, Whom(frozenset(known), frozenset(unnamed)))


def rows_of(whom: Whom) -> tuple[Rows, ...]:
    """All rows of these people, in an order in which they can be erased."""
    theirs = templates.c.person_id.in_(whom.people)
    return (
        Rows(crops, crops.c.label.in_(select(templates.c.label).where(theirs))),
        Rows(templates, theirs),
        Rows(memberships, memberships.c.person_id.in_(whom.people)),
        Rows(sightings, _sightings_of(whom)),
        Rows(strangers, strangers.c.id.in_(whom.strangers)),
        Rows(people, people.c.id.in_(whom.people)),
    )


def erase(connection: Connection, whom: Whom) -> Mapping[str, int]:
    """Erase their rows from the gallery; how many of each table.

    What strangers are recognised by is noted as removed, so that those who follow the gallery drop it. The
    gallery's own history is the caller's to continue, and its counter to be taken before this.
    """
    history = StrangerHistory(connection)
    standing = select(sightings.c.label, sightings.c.stranger_id).where(
        _sightings_of(whom), sightings.c.stands, sightings.c.stranger_id.is_not(None)
    )
    for row in connection.execute(standing.order_by(sightings.c.label)):
        history.note(StrangerChangeKind.VECTOR_REMOVED, row.stranger_id, row.label)
    history.write()
    unname(connection, mentions_of(connection, whom), whom)
    return {
        rows.table.name: connection.execute(delete(rows.table).where(rows.which)).rowcount
        for rows in rows_of(whom)
    }


MENTIONS = (sightings.c.previous_person_id, sightings.c.nearest_person_id, sightings.c.second_person_id)
"""columns of a sighting that may name somebody whose sighting it is not"""


def mentions_of(connection: Connection, whom: Whom) -> tuple[int, ...]:
    """Labels of sightings that were taken for theirs before a correction that still waits, or came near to them."""
    asked = select(sightings.c.label).where(or_(*(column.in_(whom.people) for column in MENTIONS)))
    return tuple(connection.execute(asked).scalars())


def unname(connection: Connection, labels: Sequence[int], whom: Whom) -> None:
    """Take them, and the name that they were taken for, out of these sightings."""
    previous, *_ = MENTIONS
    theirs = {column.name: case((column.in_(whom.people), None), else_=column) for column in MENTIONS}
    name = case((previous.in_(whom.people), None), else_=sightings.c.previous_name)
    for piece in pieces(labels):
        of_piece = update(sightings).where(sightings.c.label.in_(piece))
        connection.execute(of_piece.values(**theirs, previous_name=name))


def rows_left(connection: Connection, whom: Whom) -> tuple[str, ...]:
    """Tables that have one of their ids in any column but a history's: there is none once they are erased."""
    left = []
    for table in metadata.sorted_tables:
        named = [
            column.in_(ids)
            for column in table.columns
            if table not in HISTORIES and (ids := _ids_for(column.name, table, whom))
        ]
        if named and connection.execute(select(table).where(or_(*named)).limit(1)).first() is not None:
            left.append(table.name)
    return tuple(left)


def _ids_for(column: str, table: Table, whom: Whom) -> frozenset[str]:
    """Which ids could stand in a column, by its name."""
    if column.endswith("person_id") or (table is people and column == "id"):
        return whom.people
    if column.endswith("stranger_id") or (table is strangers and column in ("id", "merged_into")):
        return whom.strangers
    return frozenset()


def _sightings_of(whom: Whom) -> ColumnElement[bool]:
    return or_(sightings.c.person_id.in_(whom.people), sightings.c.stranger_id.in_(whom.strangers))


def _with_strangers(connection: Connection, whom: Whom) -> Whom:
    """With the strangers who are named as one of them, or merged into one of those."""
    found = set(whom.strangers)
    for piece in pieces(sorted(whom.people)):
        found |= set(
            connection.execute(select(strangers.c.id).where(strangers.c.person_id.in_(piece))).scalars()
        )
    new = set(found)
    while new:
        merged: set[str] = set()
        for piece in pieces(sorted(new)):
            asked = select(strangers.c.id).where(strangers.c.merged_into.in_(piece))
            merged |= set(connection.execute(asked).scalars())
        new = merged - found
        found |= new
    return Whom(whom.people, frozenset(found))

"""What the tables say that cannot be: damaged vectors, broken histories, pictures that a merge left behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Table, func, select

from pipeline.errors import StoreError
from pipeline.gallery.keeping.snapshots import snapshots_of
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.hand_over import Left, left_behind
from pipeline.gallery.storage.tables import (
    CHANGES,
    STRANGER_CHANGES,
    change_counter,
    changes,
    gallery,
    people,
    sightings,
    stranger_changes,
    templates,
)
from pipeline.gallery.vectors import check_unit, from_bytes, stacked

READ_AT_ONCE = 2000
"""rows in memory: 4 MB of 512-D vectors"""


def table_problems(connection: Connection) -> Iterator[str]:
    """What is wrong with the tables, a line each; reads all vectors."""
    yield from _damaged(connection, "template", templates)
    yield from _damaged(connection, "sighting", sightings)
    yield from _mixed(connection)
    yield from _history(connection, "history", CHANGES, changes)
    yield from _history(connection, "strangers' history", STRANGER_CHANGES, stranger_changes)
    ids = connection.execute(select(func.count()).select_from(gallery)).scalar_one()
    if ids != 1:
        yield f"it has {ids} ids and not one"


def picture_problems(connection: Connection, data: Path) -> Iterator[str]:
    """Pictures that lie with one person and are another's, because a merge was cut off; each with its repair."""
    for left in left_behind(data):
        if connection.execute(select(people.c.id).where(people.c.id == left.whose)).first() is not None:
            yield _repair(left, snapshots_of(data, left.whose))


def _damaged(connection: Connection, what: str, table: Table) -> Iterator[str]:
    """Vectors that are none."""
    for some in _in_pieces(connection, table):
        # All at once, and one by one only to say which: a million take seconds.
        if not _all_unit([row.vector for row in some]):
            for row in some:
                try:
                    vector = from_bytes(row.vector)
                    check_unit("vector", vector[None], len(vector))
                except ValueError as error:
                    yield f"{what} {row.label} is damaged: {error}"


def _in_pieces(connection: Connection, table: Table) -> Iterator[Sequence[Row[*tuple[Any, ...]]]]:
    label = 0
    asked = select(table.c.label, table.c.vector).where(table.c.vector.is_not(None)).order_by(table.c.label)
    while some := connection.execute(asked.where(table.c.label > label).limit(READ_AT_ONCE)).all():
        yield some
        label = some[-1].label


def _all_unit(vectors: Sequence[bytes]) -> bool:
    try:
        return stacked(vectors).size > 0
    except StoreError:
        return False


def _mixed(connection: Connection) -> Iterator[str]:
    """Models with vectors of several dimensions."""
    for table in (templates, sightings):
        shortest, longest = (least(rows.dimension(table.c.vector)) for least in (func.min, func.max))
        asked = select(table.c.model_id).group_by(table.c.model_id).having(shortest != longest)
        for model_id in connection.execute(asked.order_by(table.c.model_id)).scalars():
            yield f"vectors of {model_id} in {table.name} have more than one dimension"


def _history(connection: Connection, name: str, counter: int, table: Table) -> Iterator[str]:
    """A history with gaps, or another end than its counter says."""
    asked = select(change_counter.c.seq).where(change_counter.c.id == counter)
    counted = connection.execute(asked).scalar_one_or_none()
    found = select(func.count(), func.coalesce(func.max(table.c.seq), 0)).select_from(table)
    number, last = connection.execute(found).one()
    if counted is None:
        yield f"the {name} has no counter"
    elif last != counted:
        yield f"the {name} ends at change {last} but {counted} were counted"
    if number != last:
        yield f"the {name} has {number} changes and its last is {last}"


def _repair(left: Left, home: Path) -> str:
    return (
        f"{left.folder}: a merge of {left.whose} into {left.with_whom} was cut off; merge them again, or move it to "
        f"{home}"
    )

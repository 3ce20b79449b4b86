"""All rows of a gallery, from one database into another of the same schema, in pieces of bounded memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, delete, func, insert, select, text, update

from pipeline.gallery.keeping.backup_file import explained
from pipeline.gallery.keeping.backup_manifest import ROWS_AT_ONCE, OnProgress
from pipeline.gallery.storage.tables import metadata, strangers

COUNTING = tuple(
    table for table in metadata.sorted_tables if table.dialect_options["sqlite"]["autoincrement"]
)
"""tables that count labels, and give none of them twice"""

Values = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Side:
    """What is copied from, or to."""

    connection: Connection
    file: Path | None = None
    """the backup, whose errors are told as its own; None: the gallery, whose transaction is the inner one"""

    def guard(self) -> AbstractContextManager[None]:
        """Within it, errors are this side's."""
        return nullcontext() if self.file is None else explained(self.file)

    def read(self, asked: Select[*tuple[Any, ...]]) -> Iterator[Values]:
        """The rows in pieces, as values by column."""
        with self.guard():
            found = self.connection.execute(asked.execution_options(yield_per=ROWS_AT_ONCE))
            pieces = found.mappings().partitions()
        while True:
            with self.guard():
                piece = next(pieces, None)
            if piece is None:
                return
            yield [dict(row) for row in piece]

    def count(self, table: Table) -> int:
        """Rows of a table."""
        with self.guard():
            return int(self.connection.execute(select(func.count()).select_from(table)).scalar_one())


def copy_rows(source: Side, target: Side, what: str, on_progress: OnProgress) -> None:
    """Copy every table into an empty one. `what` is being done, for the progress."""
    total = sum(source.count(table) for table in metadata.sorted_tables)
    done = 0
    for table in metadata.sorted_tables:
        for values in source.read(select(table)):
            if table is strangers:
                # Into whom they were merged may come later: that is written when all are there.
                values = [row | {"merged_into": None} for row in values]
            with target.guard():
                target.connection.execute(insert(table), values)
            done += len(values)
            on_progress(what, done, total)
    link = update(strangers).where(strangers.c.id == bindparam("one")).values(merged_into=bindparam("other"))
    merged = select(strangers.c.id.label("one"), strangers.c.merged_into.label("other"))
    for values in source.read(merged.where(strangers.c.merged_into.is_not(None))):
        with target.guard():
            target.connection.execute(link, values)


def erase_everything(connection: Connection) -> None:
    """Erase every row of every table."""
    connection.execute(update(strangers).values(merged_into=None))
    for table in reversed(metadata.sorted_tables):
        connection.execute(delete(table))


def is_empty(connection: Connection, but: Collection[Table]) -> bool:
    """Whether no table but these has a row."""
    asked = [table for table in metadata.sorted_tables if table not in but]
    return all(connection.execute(select(table).limit(1)).first() is None for table in asked)


def last_labels(connection: Connection) -> Mapping[str, int]:
    """By table the last label that was given; none for a table that has given none."""
    found = {table.name: _last_label(connection, table.name) for table in COUNTING}
    return {name: label for name, label in found.items() if label}


def go_on_above(connection: Connection, labels: Mapping[str, int]) -> None:
    """Let each of these tables give labels above this one, and above those that it has given."""
    for table in COUNTING:
        label = max(labels.get(table.name, 0), _last_label(connection, table.name))
        if not label:
            continue
        if connection.dialect.name == "sqlite":
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
            asked = "INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :label)"
        else:
            asked = "SELECT setval(pg_get_serial_sequence(:name, 'label'), :label)"
        connection.execute(text(asked), {"name": table.name, "label": label})


def _last_label(connection: Connection, table: str) -> int:
    """The last label given, as the database itself remembers it; 0 where it has given none."""
    if connection.dialect.name == "sqlite":
        asked = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return int(connection.execute(asked, {"name": table}).scalar() or 0)
    of_table = text("SELECT pg_get_serial_sequence(:name, 'label')")
    sequence = connection.execute(of_table, {"name": table}).scalar_one()
    row = connection.execute(text(f"SELECT last_value, is_called FROM {sequence}")).one()
    return int(row.last_value) if row.is_called else 0

"""A backup: one SQLite file with the gallery's tables, the files that belong to them, and a manifest.

It is a gallery database of the schema it was made from, so that a person can be erased from it like from the gallery.
The manifest has the number of rows of each table and a sum over their contents: the SHA-256 of each row, as a number,
added modulo 2^256 (the AdHash of Bellare and Micciancio, EUROCRYPT 1997). A sum does not depend on the order of the
rows, and rows that are erased are taken out of it without reading the others. It finds damage; it is no signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    TableClause,
    Text,
    delete,
    inspect,
    literal_column,
    select,
    table,
    update,
)
from sqlalchemy.exc import DBAPIError, NoSuchTableError

from pipeline.errors import GalleryError
from pipeline.gallery.keeping.backup_file import Access, check_is_file, connected, damaged
from pipeline.gallery.storage.tables import SCHEMA_VERSION, UtcDateTime
from pipeline.gallery.storage.tables import metadata as gallery_tables

FORMAT = 1
"""of the tables below"""

ROWS_AT_ONCE = 500
"""of the largest, crops of 100 kB, 50 MB"""

_MODULUS = 1 << 256

metadata = MetaData()

manifest_table = Table(
    "backup_manifest",
    metadata,
    Column("format", Integer, primary_key=True, autoincrement=False),
    Column("schema", Integer, nullable=False),
    Column("gallery_id", String(32), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

contents_table = Table(
    "backup_contents",
    metadata,
    Column("name", Text, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    Column("sum", String(64), nullable=False),
    Column("last_label", BigInteger),  # where the table counts labels: the last one given, also if it is gone
)

files_table = Table(
    "backup_files",
    metadata,
    Column("path", Text, primary_key=True),  # below the data folder
    Column("modified_ns", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

OnProgress = Callable[[str, int, int], None]
"""called with what is being done, how much is done and how much there is"""


def untold(what: str, done: int, total: int) -> None:
    """Tell nobody of the progress."""


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows, and the sum of their contents."""

    rows: int
    sum: int

    @property
    def text(self) -> str:
        """The sum as the manifest has it."""
        return f"{self.sum:064x}"

    def without(self, other: Counted) -> Counted:
        """When those are gone."""
        return Counted(self.rows - other.rows, (self.sum - other.sum) % _MODULUS)

    def with_(self, other: Counted) -> Counted:
        """When those have come."""
        return Counted(self.rows + other.rows, (self.sum + other.sum) % _MODULUS)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    schema: int
    gallery_id: str
    version: int
    """of the gallery: number of its last change"""
    created_at: datetime
    contents: Mapping[str, Counted]
    """by table"""
    last_labels: Mapping[str, int]
    """by table: the last label given, which is not to be given again"""


def read_manifest(connection: Connection, path: Path) -> Manifest:
    """What the backup says of itself. Raises GalleryError for what is none, or of a newer Facestream."""
    if manifest_table.name not in inspect(connection).get_table_names():
        raise GalleryError(f"{path}: is no backup of Facestream; name the file that backup wrote")
    try:
        row = connection.execute(select(manifest_table)).one_or_none()
        tables = connection.execute(select(contents_table)).all()
        sums = {each.name: Counted(int(each.rows), int(each.sum, 16)) for each in tables}
    except (DBAPIError, ValueError, TypeError) as error:
        raise damaged(path, "its manifest cannot be read") from error
    if row is None:
        raise GalleryError(f"{path}: was never finished; use another backup")
    if row.format > FORMAT or row.schema > SCHEMA_VERSION:
        raise GalleryError(f"{path}: written by a newer Facestream (schema {row.schema}); update Facestream")
    return Manifest(
        schema=row.schema,
        gallery_id=row.gallery_id,
        version=row.version,
        created_at=row.created_at,
        contents=sums,
        last_labels={each.name: each.last_label for each in tables if each.last_label is not None},
    )


def write_manifest(connection: Connection, manifest: Manifest) -> None:
    """Write it, in place of one that is there."""
    for old in (manifest_table, contents_table):
        connection.execute(delete(old))
    connection.execute(
        manifest_table.insert().values(
            format=FORMAT,
            schema=manifest.schema,
            gallery_id=manifest.gallery_id,
            version=manifest.version,
            created_at=manifest.created_at,
        )
    )
    labels = manifest.last_labels
    connection.execute(
        contents_table.insert(),
        [
            {"name": name, "rows": found.rows, "sum": found.text, "last_label": labels.get(name)}
            for name, found in manifest.contents.items()
        ],
    )


def count_contents(connection: Connection, on_progress: OnProgress = untold) -> Mapping[str, Counted]:
    """What the manifest of a backup of this schema is to say of its tables."""
    found = {}
    tables = [*gallery_tables.sorted_tables, files_table]
    for done, source in enumerate(tables, 1):
        found[source.name] = counted(connection, source)
        on_progress("checking", done, len(tables))
    return found


def verify(path: Path, on_progress: OnProgress = untold) -> Manifest:
    """Read all of a backup and compare it with its manifest. Raises GalleryError, StoreError."""
    check_is_file(path)
    with connected(path, Access.READ) as connection:
        manifest = read_manifest(connection, path)
        said = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
        if said != "ok":
            raise damaged(path, f"SQLite says: {said}")
        total = sum(expected.rows for expected in manifest.contents.values())
        done = 0
        for name, expected in manifest.contents.items():
            try:
                found = counted(connection, table(name))
            except NoSuchTableError as error:
                raise damaged(path, f"the table {name} is missing") from error
            if found != expected:
                raise damaged(path, f"the table {name} is not what was written")
            done += expected.rows
            on_progress("verifying", done, total)
    return manifest


def counted(connection: Connection, source: TableClause, which: ColumnElement[bool] | None = None) -> Counted:
    """The rows of a table of a backup, or some of them, as they lie in the file. Raises NoSuchTableError."""
    columns = sorted(each["name"] for each in inspect(connection).get_columns(source.name))
    # No types: what SQLite keeps, whatever a schema makes of it.
    asked: Select[*tuple[Any, ...]] = select(
        *(literal_column(_quoted(each)) for each in columns)
    ).select_from(source)
    if which is not None:
        asked = asked.where(which)
    rows = total = 0
    for row in connection.execute(asked.execution_options(yield_per=ROWS_AT_ONCE)):
        rows += 1
        total += int.from_bytes(_digest(row))
    return Counted(rows, total % _MODULUS)


def recount(connection: Connection, source: TableClause, old: Counted, new: Counted) -> None:
    """Change the manifest: rows that were `old` are `new` now."""
    of_table = contents_table.c.name == source.name
    row = connection.execute(select(contents_table).where(of_table)).one()
    now = Counted(row.rows, int(row.sum, 16)).without(old).with_(new)
    connection.execute(update(contents_table).where(of_table).values(rows=now.rows, sum=now.text))


def _digest(row: Sequence[object]) -> bytes:
    """SHA-256 over a row's values, each told apart from its neighbours by type and length."""
    digest = sha256()
    for value in row:
        if isinstance(value, bytes):
            digest.update(b"%d bytes " % len(value))
            digest.update(value)
        else:
            digest.update(repr(value).encode())
        digest.update(b",")
    return digest.digest()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'

"""The database under the gallery: how it is opened, its transactions, and its errors in one line."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from pipeline.errors import GalleryError, StoreError
from pipeline.gallery.storage.migrations import can_migrate, lay_tables, migrate
from pipeline.gallery.storage.repairs import repair
from pipeline.gallery.storage.tables import SCHEMA_VERSION, schema_version

logger = logging.getLogger(__name__)

PAGE_BYTES = 16_384
"""of a SQLite file. A template of 512 numbers leaves 45 % of SQLite's own 4 KiB pages empty; these make a gallery 40 %
smaller and reading it a quarter faster, and writing one template no slower"""

BUSY_TIMEOUT_S = 10.0
"""how long a transaction waits for another program's; the longest of ours, a folder of photos, takes less"""

LOG_ASKED_S = 0.05
"""between two attempts to empty SQLite's log"""

WRITERS_LOCK = 0x666163657374726D
"""number of the lock that PostgreSQL's writers hold, one for each database, the bytes of facestrm"""

CONNECTION: Mapping[str, str | int] = {
    "application_name": "facestream",
    "client_encoding": "utf8",
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""of PostgreSQL (its manual, 34.1.2), where the address does not say otherwise: a server that is gone without a word
costs a monitor half a minute, not the hours that TCP would wait for it"""


class Database:
    """Transactions on a SQLite file, or on another database by its address."""

    def __init__(self, url: str | Path) -> None:
        self._path = url if isinstance(url, Path) else None
        self._url = url
        self.name = str(url) if isinstance(url, Path) else "the gallery database"
        """for messages; an address is not printed, since it may hold a password"""
        self._engine: Engine | None = None

    def open(self) -> None:
        """Connect, and lay the tables where there are none. Raises StoreError, GalleryError."""
        if self._engine is not None:
            raise RuntimeError("the gallery is open already")
        self._engine = self._create_engine()
        try:
            with self._translated():
                if self._path is not None:
                    _create_private(self._path)
                    self._use_wal()
                self._check_schema()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def looking(self) -> Iterator[Connection]:
        """A look at a database that is not open: nothing is begun, and nothing brought to today's schema."""
        engine = self._create_engine()
        try:
            with self._translated(), engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()

    def schema(self) -> int | None:
        """The schema that is there, None for an empty database. As `looking`. Raises StoreError, GalleryError."""
        with self.looking() as connection:
            return _schema_of(connection, self.name)

    def close(self) -> None:
        """Disconnect."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database from its first to its last line."""
        with self._translated(), self._opened().connect() as connection:
            if self._path is None:
                connection = connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is kept whole, or on any exception not at all.

        Writers take turns, on every database: nobody else writes from its first line to its commit, so that what
        it has read stays true and no deadlock or failed serialisation is left to be retried.
        """
        with (
            self._translated(),
            self._opened().connect().execution_options(facestream_writes=True) as connection,
            connection.begin(),
        ):
            yield connection

    def wipe_log(self) -> bool:
        """Write SQLite's log into its file and empty it, so that no old page stays in it.

        False where another program was reading for all of BUSY_TIMEOUT_S. Another database has a log of its
        own, which its operator keeps: True.
        """
        if self._path is None:
            return True
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        with self._translated(), self._opened().connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            # SQLite keeps every writer waiting for as long as it waits for a reader, such as a backup.
            raw.execute("PRAGMA busy_timeout = 0")
            try:
                while raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                    if time.monotonic() > deadline:
                        return False
                    time.sleep(LOG_ASKED_S)
            finally:
                raw.execute(f"PRAGMA busy_timeout = {round(BUSY_TIMEOUT_S * 1000)}")
        return True

    def problems(self) -> tuple[str, ...]:
        """What the database itself finds wrong with its file; slow, as it reads all of it."""
        if self._path is None:
            return ()
        with self.reading() as connection:
            said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        found = [f"{self.name}: {line}" for line in said if line != "ok"]
        if orphans:
            found.append(f"{self.name}: {len(orphans)} rows belong to nothing")
        return tuple(found)

    def _create_engine(self) -> Engine:
        if self._path is not None:
            engine = create_engine(
                URL.create("sqlite", database=str(self._path)),
                connect_args={"timeout": BUSY_TIMEOUT_S},
                hide_parameters=True,  # vectors and names have no place in a traceback
            )
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        url = _postgresql_url(str(self._url))
        try:
            engine = create_engine(
                url,
                isolation_level="READ COMMITTED",
                pool_pre_ping=True,  # a server that was started anew meanwhile is no error
                connect_args={name: value for name, value in CONNECTION.items() if name not in url.query},
                hide_parameters=True,
            )
        except ImportError as error:
            raise GalleryError(f"gallery.url: its driver is missing: pip install {error.name}") from error
        event.listen(engine, "begin", _begin_postgresql)
        return engine

    def _opened(self) -> Engine:
        if self._engine is None:
            raise RuntimeError("the gallery is not open")
        return self._engine

    def _use_wal(self) -> None:
        # Switching needs the file for oneself, and SQLite gives up at once where two programs try: the loser
        # waits for the winner's transaction, and then finds it done.
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        with self._opened().connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            while raw.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                try:
                    raw.execute("PRAGMA journal_mode = WAL").fetchone()
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
                    raw.execute("BEGIN IMMEDIATE")
                    raw.execute("COMMIT")

    def _check_schema(self) -> None:
        with self.reading() as connection:
            if self._path is None:
                _check_encoding(connection)
            version = _schema_of(connection, self.name)
        if version is None:
            with self.writing() as connection:
                # Another program may have begun the same gallery since.
                if _schema_of(connection, self.name) is None:
                    lay_tables(connection)
                    logger.info("began a new gallery in %s", self.name)
        elif version < SCHEMA_VERSION and not can_migrate(version):
            raise GalleryError(
                f"{self.name}: written as schema {version}, which this Facestream cannot read; restore a copy of it"
            )
        elif version < SCHEMA_VERSION:
            with self.writing() as connection:
                # Or brought it here.
                version = _schema_of(connection, self.name)
                if version is not None and version < SCHEMA_VERSION:
                    migrate(connection, version)
                    logger.info("brought %s from schema %d to %d", self.name, version, SCHEMA_VERSION)
        elif version > SCHEMA_VERSION:
            raise GalleryError(
                f"{self.name}: written by a newer Facestream (schema {version}, this one reads "
                f"{SCHEMA_VERSION}); update Facestream"
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the driver's errors into StoreError."""
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            raise StoreError(f"{self.name}: {repair(error)}") from error
        except OSError as error:
            reason = (error.strerror or "not usable").lower()
            raise StoreError(f"{self.name}: {reason}; make its folder exist and be writable") from error


def _postgresql_url(text: str) -> URL:
    """The address of a PostgreSQL database. Raises GalleryError, which never has the password in it."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise GalleryError("gallery.url: not a database address; write it as postgresql://...") from error
    if url.drivername not in ("postgresql", "postgresql+psycopg"):
        raise GalleryError(
            f"gallery.url: {url.drivername} is not supported; write it as postgresql://..., or leave it out for a "
            "file in the data folder"
        )
    # Read as a host, a half of the password would stand in the message that there is no such host.
    if "@" in (url.host or ""):
        raise GalleryError("gallery.url: an @ in the user or the password is written as %40")
    return url.set(drivername="postgresql+psycopg")


def _check_encoding(connection: Connection) -> None:
    """Raise GalleryError unless every name can be kept."""
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise GalleryError(
            f"gallery.url: the database keeps text as {encoding}, in which not everybody can be named; create it "
            "with ENCODING 'UTF8'"
        )


def _create_private(path: Path) -> None:
    """Make the file, if it is missing, readable by its owner only: SQLite's side files take over its mode.

    A file that is there is not opened: closing it would let go of the locks that this process holds on it by
    another connection (POSIX), and another program would take the log of an open gallery away.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _prepare_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where _begin_sqlite says, not where Python guesses
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a new file; a begun one keeps its own
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A writer that began as a reader could not wait for another writer: it would fail at once.
    writes = connection.get_execution_options().get("facestream_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    # What BEGIN IMMEDIATE is in SQLite. It stands before the first snapshot is taken: in READ COMMITTED each
    # statement after it sees all that the writer before has committed.
    if connection.get_execution_options().get("facestream_writes", False):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(BUSY_TIMEOUT_S * 1000)}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")


def _schema_of(connection: Connection, name: str) -> int | None:
    """The schema version of a gallery, None for a database without tables."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    version = None
    if schema_version.name in tables:
        version = connection.execute(select(schema_version.c.version)).scalar_one_or_none()
    if version is None:
        raise GalleryError(
            f"{name}: a database of something else; give another folder with --data, or another gallery.url"
        )
    return int(version)

"""A backup's file as a SQLite database: how it is opened, one transaction at a time, and its errors in one line."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from pipeline.errors import FacestreamError, GalleryError, StoreError

BUSY_TIMEOUT_S = 10.0
"""how long a change waits for another program's"""

PAGE_BYTES = 16_384
"""seven templates of 512 numbers on a page; on SQLite's 4,096 there is room for one, and 45 % stays empty"""

_REPAIRS = {
    "SQLITE_BUSY": "another program is using it; try again when that is done",
    "SQLITE_LOCKED": "another program is using it; try again when that is done",
    "SQLITE_READONLY": "it cannot be written; make the file and its folder writable",
    "SQLITE_CANTOPEN": "it cannot be opened; make the file readable, and its folder writable",
    "SQLITE_PERM": "it cannot be opened; make the file readable, and its folder writable",
    "SQLITE_FULL": "the disk is full; free some space and run this again",
    "SQLITE_IOERR": "the disk does not answer as it should; check the disk",
}
"""by SQLite's primary result code: what to do about it"""


class Access(Enum):
    """How a backup is opened, as SQLite calls it."""

    NEW = "rwc"
    READ = "ro"
    CHANGE = "rw"


@contextmanager
def connected(path: Path, access: Access) -> Iterator[Connection]:
    """One transaction on a backup. Raises GalleryError for what is no backup, StoreError where the disk fails."""
    engine = create_engine("sqlite://", creator=lambda: _connect(path, access), poolclass=NullPool)
    event.listen(
        engine,
        "begin",
        lambda connection: connection.exec_driver_sql(
            "BEGIN" if access is Access.READ else "BEGIN IMMEDIATE"
        ),
    )
    with explained(path):
        try:
            with engine.connect() as connection, connection.begin():
                yield connection
        finally:
            engine.dispose()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the driver's and the system's errors into one line. Raises GalleryError, StoreError."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        code = str(getattr(original, "sqlite_errorname", ""))
        raise _explanation(path, code, " ".join(str(original).split())) from error
    except OSError as error:
        raise StoreError(f"{path}: {(error.strerror or 'not usable').lower()}") from error


def check_is_file(path: Path) -> None:
    """Raise GalleryError unless there is a file of this name that can be read."""
    if not path.exists():
        raise GalleryError(f"{path}: there is no such file; 'backup --list' names the backups that are known")
    if not path.is_file():
        raise GalleryError(f"{path}: is no file; name the file that backup wrote")
    if not os.access(path, os.R_OK):
        raise GalleryError(f"{path}: may not be read; make it readable")


def damaged(path: Path, why: str) -> GalleryError:
    """What is said of a backup that cannot be trusted."""
    return GalleryError(f"{path}: is damaged ({why}); use another backup")


def _connect(path: Path, access: Access) -> sqlite3.Connection:
    mode = access.value
    if access is Access.READ and path.with_name(f"{path.name}-journal").exists():
        mode = Access.CHANGE.value  # a change was cut short: whoever opens it next undoes that
    address = f"{Path(os.path.abspath(path)).as_uri()}?mode={mode}"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    connection.execute("PRAGMA secure_delete = ON")
    if access is Access.NEW:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        # Nobody reads it before it is whole and on the disk.
        connection.execute("PRAGMA journal_mode = OFF").fetchone()
        connection.execute("PRAGMA synchronous = OFF")
    return connection


def _explanation(path: Path, code: str, said: str) -> FacestreamError:
    if code.startswith("SQLITE_NOTADB"):
        return GalleryError(f"{path}: is no backup of Facestream; name the file that backup wrote")
    if code.startswith("SQLITE_CORRUPT"):
        return damaged(path, said)
    for known, repair in _REPAIRS.items():
        if code.startswith(known):
            return StoreError(f"{path}: {repair}")
    return StoreError(f"{path}: {said}")

"""What a database's errors mean, and what to do about each: the end of a message, in one line."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from sqlalchemy.exc import DBAPIError

_BUSY = "another program is writing to it; try again when that is done"
_FULL = "the disk is full; free some space and run this again"
_LOST = "the connection to the server was lost; look whether the last change was kept, and run this again"
_DAMAGED = "it is damaged; restore a copy of it or move it away"
_CROWDED = "the server takes no more connections; close other programs or raise its max_connections"
_REFUSED = "the server refuses the user or the password; correct gallery.url"
_NO_DATABASE = "the server has no such database; create it (createdb) or correct gallery.url"
_STARTING = "the server is starting or stopping; run this again when it is up"

_SQLITE: Mapping[str, str] = {
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_READONLY": "it cannot be written; make the file and its folder writable",
    "SQLITE_CANTOPEN": "it cannot be opened; make its folder exist and be writable",
    "SQLITE_PERM": "it cannot be opened; make the file and its folder writable",
    "SQLITE_FULL": _FULL,
    "SQLITE_NOTADB": "it is no SQLite database; move it away or give another folder with --data",
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_IOERR_WRITE": "the disk takes no more of it; look for a quota, a limit on the size of files (ulimit -f) "
    "or a broken disk",
    "SQLITE_IOERR": "the disk does not answer as it should; check the disk",
}
"""by SQLite's result code, the more exact first (sqlite.org/rescode.html)"""

_POSTGRESQL: Mapping[str, str] = {
    "08": _LOST,
    "25006": "the server takes no changes: it is a standby, or read-only; give the address of the primary in "
    "gallery.url",
    "28": _REFUSED,
    "3D000": _NO_DATABASE,
    "40": "another transaction was in the way; run this again",
    "42501": "its user may not do this; GRANT them CREATE on the schema and all rights on its tables",
    "53100": _FULL,
    "53300": _CROWDED,
    "55P03": _BUSY,
    "57014": "the server broke off a statement; raise its statement_timeout",
    "57P03": _STARTING,
    "57": _LOST,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""by the beginning of SQLSTATE, the more exact first (PostgreSQL's manual, Appendix A)"""

_WHILE_CONNECTING: Mapping[str, str] = {
    "password": _REFUSED,
    "authentication failed": _REFUSED,
    "no pg_hba.conf entry": _REFUSED,
    "role ": _REFUSED,
    "database ": _NO_DATABASE,
    "too many": _CROWDED,
    "connection slots": _CROWDED,
    "system is starting up": _STARTING,
    "system is shutting down": _STARTING,
    "server closed the connection": _LOST,
    "SSL connection has been closed": _LOST,
    "connection is closed": _LOST,
}
"""by the words of libpq, which gives no SQLSTATE for a connection that it does not have"""


def repair(error: DBAPIError | sqlite3.Error) -> str:
    """What to do about an error of a driver; its own words where nothing is known about it."""
    original = error.orig if isinstance(error, DBAPIError) else error
    said = " ".join(str(original).split())
    if isinstance(original, sqlite3.Error):
        return _beginning(_SQLITE, getattr(original, "sqlite_errorname", "")) or said
    state: str | None = getattr(original, "sqlstate", None)
    if state is not None:
        # Without the DETAIL below it, which may repeat a row: names, and vectors.
        return _beginning(_POSTGRESQL, state) or said.partition(" DETAIL: ")[0]
    # Behind the last FATAL stands the server's reason, before it where it was looked for.
    reason = said.rpartition("FATAL: ")[2]
    for words, known in _WHILE_CONNECTING.items():
        if words in reason:
            return known
    return f"{said}; start the server or correct gallery.url"


def _beginning(repairs: Mapping[str, str], code: str) -> str | None:
    return next((known for begin, known in repairs.items() if code.startswith(begin)), None)

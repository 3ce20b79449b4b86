"""The backups that a gallery knows of, and whom it forgot: so that no backup keeps somebody who is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select

from pipeline.gallery.keeping.audit import forgotten_in
from pipeline.gallery.keeping.erasing import Whom
from pipeline.gallery.names import PERSON_ID
from pipeline.gallery.storage.records import ChangeKind
from pipeline.gallery.storage.tables import backups, changes

UNFINISHED = -1


@dataclass(frozen=True, slots=True)
class KnownBackup:
    """A backup that was written, as far as the gallery knows."""

    path: Path
    """absolute, on the machine that wrote it"""
    created_at: datetime
    """UTC"""
    version: int
    """of the gallery in it; UNFINISHED until it is whole"""


def part_of(path: Path) -> Path:
    """What a backup of this name is called until it is whole."""
    return path.with_name(f".{path.name}.part")


def known_backups(connection: Connection) -> tuple[KnownBackup, ...]:
    """All of them, the oldest first."""
    asked = select(backups).order_by(backups.c.created_at, backups.c.path)
    return tuple(
        KnownBackup(Path(row.path), row.created_at, row.version) for row in connection.execute(asked)
    )


def remember(connection: Connection, backup: KnownBackup) -> None:
    """Know of a backup, in place of an older one of this path."""
    strike_off(connection, backup.path)
    connection.execute(
        insert(backups).values(path=str(backup.path), created_at=backup.created_at, version=backup.version)
    )


def strike_off(connection: Connection, path: Path) -> bool:
    """Know of this backup no longer; whether it was known."""
    return connection.execute(delete(backups).where(backups.c.path == str(path))).rowcount > 0


def forgotten(connection: Connection, data: Path, since: datetime) -> Whom:
    """Everybody whom this gallery forgot, by its history and by the data folder's audit file.

    The one knows people's last ids, also where another machine forgot them; the other all ids they went by, and
    strangers. A person's id is never given twice; a stranger's is, when the recording is replayed, so that only
    strangers forgotten after `since` are meant: what is newer may be there again. Raises StoreError.
    """
    gone = select(changes.c.person_id).where(changes.c.kind == ChangeKind.PERSON_FORGOTTEN)
    found = Whom(frozenset(connection.execute(gone).scalars()))
    for noted in forgotten_in(data):
        named = (noted.line.person, noted.line.stranger, *noted.line.also)
        ids = frozenset(one for one in named if one is not None)
        known = frozenset(one for one in ids if PERSON_ID.fullmatch(one))
        found |= Whom(known, ids - known if noted.at >= since else frozenset())
    return found

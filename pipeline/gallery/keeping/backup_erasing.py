"""Erasing people from a backup: their rows and pictures, and their share of its manifest."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from sqlalchemy import ColumnElement, Connection, Table, delete, func, or_, select

from pipeline.errors import FacestreamError
from pipeline.gallery.keeping.backup_file import Access, check_is_file, connected
from pipeline.gallery.keeping.backup_manifest import (
    Counted,
    Manifest,
    count_contents,
    counted,
    files_table,
    read_manifest,
    recount,
    write_manifest,
)
from pipeline.gallery.keeping.erasing import Whom, found_in, mentions_of, rows_of, unname
from pipeline.gallery.keeping.evidence import Evidence
from pipeline.gallery.keeping.known_backups import UNFINISHED, forgotten, known_backups, part_of, strike_off
from pipeline.gallery.keeping.picture_about import ENOUGH, taken_at
from pipeline.gallery.keeping.pictures_named import pictures_beside, pictures_of
from pipeline.gallery.keeping.snapshots import SNAPSHOTS_FOLDER, face_of
from pipeline.gallery.sightings.sighting_rows import pieces
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.migrations import migrate
from pipeline.gallery.storage.tables import SCHEMA_VERSION, sightings

PICTURES = "pictures"


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of the backups that the gallery knows of."""

    known: tuple[Path, ...]
    cleaned: tuple[Path, ...]
    """those in which somebody was who is forgotten"""
    unreached: tuple[str, ...]
    """a line each: which, and why"""


def erase_from(path: Path, whom: Whom) -> Mapping[str, int]:
    """Erase people from a backup, whole or not at all; how many rows of each table, nothing where none is in it.

    No byte of them stays in its free pages. Raises GalleryError for what is no backup, StoreError.
    """
    check_is_file(path)
    with connected(path, Access.READ) as connection:
        manifest = read_manifest(connection, path)
        if manifest.schema == SCHEMA_VERSION and not found_in(connection, whom):
            return {}
    with connected(path, Access.CHANGE) as connection:
        migrate_backup(connection, manifest)
        found = found_in(connection, whom)
        return _erase(connection, found) if found else {}


def clean_backups(database: Database, data: Path, evidence: Evidence) -> Cleaned:
    """Erase everybody whom this gallery ever forgot from every backup it knows of.

    Not only whoever was forgotten now: a backup that was out of reach at the time is made up for. What is about to
    be erased from one is added to `evidence`. Raises StoreError where the gallery fails, not where a backup does.
    """
    with database.reading() as connection:
        known = known_backups(connection)
        whom = {each.path: forgotten(connection, data, each.created_at) for each in known}
    cleaned, unreached = [], []
    for backup in known:
        being_written = _drop_part(backup.path)
        if backup.version == UNFINISHED and not backup.path.exists():
            if not being_written:
                with database.writing() as connection:
                    strike_off(connection, backup.path)
            continue  # one that is being written erases them itself before it is whole
        try:
            if _clean(backup.path, whom[backup.path], evidence):
                cleaned.append(backup.path)
        except FacestreamError as error:
            unreached.append(str(error).partition(";")[0])  # what to do is told by whoever tells of it
    return Cleaned(tuple(each.path for each in known), tuple(cleaned), tuple(unreached))


def _clean(path: Path, whom: Whom, evidence: Evidence) -> bool:
    """Erase them from one backup; whether anybody was in it."""
    check_is_file(path)
    with connected(path, Access.READ) as connection:
        manifest = read_manifest(connection, path)
        if manifest.schema == SCHEMA_VERSION:
            evidence.gather(connection, found_in(connection, whom))
    return bool(erase_from(path, whom))


def _drop_part(path: Path) -> bool:
    """Delete what a backup that was killed has left; whether one is being written now, which cleans itself."""
    part = part_of(path)
    try:
        descriptor = os.open(part, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.unlink(missing_ok=True)
    except BlockingIOError:
        return True
    except OSError:
        return False  # the search of its bytes will tell
    finally:
        os.close(descriptor)
    return False


def migrate_backup(connection: Connection, manifest: Manifest) -> Manifest:
    """Bring a backup to today's schema; what it says of itself then."""
    if manifest.schema == SCHEMA_VERSION:
        return manifest
    migrate(connection, manifest.schema)
    now = replace(manifest, schema=SCHEMA_VERSION, contents=count_contents(connection))
    write_manifest(connection, now)
    return now


def _erase(connection: Connection, found: Whom) -> Mapping[str, int]:
    erased = {PICTURES: _erase_pictures(connection, found)}
    mentioned = mentions_of(connection, found)
    for piece in pieces(mentioned):
        which = sightings.c.label.in_(piece)
        before = counted(connection, sightings, which)
        unname(connection, piece, found)
        recount(connection, sightings, before, counted(connection, sightings, which))
    for rows in rows_of(found):
        erased[rows.table.name] = _delete(connection, rows.table, rows.which)
    return erased


def _erase_pictures(connection: Connection, found: Whom) -> int:
    """Pictures in their folders, and those that show them, frames and faces."""
    named = set(pictures_of(connection, found))
    head = select(func.substr(files_table.c.content, 1, ENOUGH))
    for beside in pictures_beside(connection, found):
        first = connection.execute(head.where(files_table.c.path == beside.named)).scalar_one_or_none()
        if first is not None and beside.shows_them(taken_at(first)):
            named.add(beside.named)
    erased = 0
    for piece in pieces(sorted(named | {str(face_of(PurePosixPath(each))) for each in named})):
        erased += _delete(connection, files_table, files_table.c.path.in_(piece))
    for piece in pieces(sorted(found.people), 100):
        folders = (files_table.c.path.startswith(f"{SNAPSHOTS_FOLDER}/{one}/") for one in piece)
        erased += _delete(connection, files_table, or_(*folders))
    return erased


def _delete(connection: Connection, table: Table, which: ColumnElement[bool]) -> int:
    """Delete rows, and take them out of the manifest."""
    gone = counted(connection, table, which)
    if gone.rows:
        recount(connection, table, gone, Counted(0, 0))
        connection.execute(delete(table).where(which))
    return gone.rows

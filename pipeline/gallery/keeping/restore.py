"""A backup into an empty gallery, or in place of the one that is there: all of it or nothing.

Pictures come first, and harm nobody while no row names them; then all rows in one transaction; then what does not
belong to the restored gallery goes. Whatever stops it, the gallery is the old one or the new one, whole.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath

from sqlalchemy import Connection, select, update

from pipeline.errors import GalleryError, StoreError
from pipeline.gallery.keeping import audit
from pipeline.gallery.keeping.audit import AUDIT_FILE, AuditLine, Step
from pipeline.gallery.keeping.backup import FOLDERS, absolute
from pipeline.gallery.keeping.backup_erasing import migrate_backup
from pipeline.gallery.keeping.backup_file import Access, connected, damaged, explained
from pipeline.gallery.keeping.backup_manifest import Manifest, OnProgress, files_table, untold, verify
from pipeline.gallery.keeping.copying import (
    Side,
    copy_rows,
    erase_everything,
    go_on_above,
    is_empty,
)
from pipeline.gallery.keeping.erasing import Whom, erase, found_in
from pipeline.gallery.keeping.known_backups import KnownBackup, forgotten, known_backups, remember
from pipeline.gallery.keeping.pictures_named import pictures_showing
from pipeline.gallery.keeping.snapshots import SNAPSHOTS_FOLDER, delete_pictures, files_of, pictures
from pipeline.gallery.memory.snapshot_folders import remove_snapshots
from pipeline.gallery.storage import history, rows
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.history import Happened
from pipeline.gallery.storage.records import ChangeKind
from pipeline.gallery.storage.tables import (
    SCHEMA_VERSION,
    backups,
    change_counter,
    gallery,
    metadata,
    schema_version,
)

ALWAYS = (schema_version, gallery, change_counter, backups)
"""tables that have rows also in an empty gallery"""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came out of a backup."""

    version: int
    """of the gallery now"""
    created_at: datetime
    """when the backup was made, UTC"""
    rows: int
    files: int
    forgotten: int
    """people and strangers of the backup who were forgotten since, and are not back"""
    left: tuple[str, ...]
    """what of the gallery that was there before could not be cleaned away, and why"""


def restore(
    database: Database,
    data: Path,
    file: Path,
    at: datetime,
    *,
    replace: bool = False,
    on_progress: OnProgress = untold,
) -> Restored:
    """Verify a backup, then put it into an open gallery.

    The gallery gets an id of its own, so that whoever follows it, or has an index of it on disk, begins anew; labels
    go on above those that either gallery gave. Who was forgotten after the backup was made is erased again.

    Args:
        at: now, UTC.
        replace: whatever the gallery holds; otherwise it must be empty.

    Raises GalleryError for what is no sound backup, and for a gallery that is not empty; StoreError where a disk or
    the database fails.
    """
    path = absolute(file)
    with database.reading() as connection:
        _check_empty(connection, replace)
    manifest = verify(path, on_progress)
    with database.reading() as connection:
        gone = forgotten(connection, data, manifest.created_at)
    line = AuditLine("restore", file=path, erased={})
    audit.note(data, replace_fields(line, step=Step.BEGUN, erased=None), at)
    with _of_this_schema(path, data, manifest) as readable, connected(readable, Access.READ) as source:
        files = _restore_files(Side(source, path), data, gone)
        with database.writing() as target:
            _check_empty(target, replace)
            back = _replace_rows(Side(source, path), target, data, manifest, on_progress)
            remember(target, KnownBackup(path, manifest.created_at, manifest.version))
            version = rows.version(target)
    others = set(pictures(data)) - files if replace else set()
    left = _tidy(database, data, others | back.pictures)
    audit.note(data, replace_fields(line, left=left), at)
    total = sum(each.rows for name, each in manifest.contents.items() if name != files_table.name)
    forgotten_ids = back.whom.people | back.whom.strangers
    return Restored(version, manifest.created_at, total, len(files), len(forgotten_ids), left)


@dataclass(frozen=True, slots=True)
class _Back:
    """Who was in the backup, was forgotten since, and is erased again."""

    whom: Whom
    pictures: frozenset[Path]
    """that show them"""


def _tidy(database: Database, data: Path, others: Iterable[Path]) -> tuple[str, ...]:
    """Clean away what does not belong to the restored gallery; what of that failed, a line each."""
    left = []
    for clean in (database.wipe_log, partial(delete_pictures, others), partial(remove_snapshots, data)):
        try:
            if clean() is False:
                left.append("another program reads the gallery: old pages stay in its log until that ends")
        except StoreError as error:
            left.append(str(error))
    return tuple(left)


def _check_empty(connection: Connection, replace: bool) -> None:
    if not replace and not is_empty(connection, ALWAYS):
        raise GalleryError(
            "the gallery is not empty; restore into another --data folder or gallery.url, or give --force to "
            "replace everything in it"
        )


@contextmanager
def _of_this_schema(path: Path, data: Path, manifest: Manifest) -> Iterator[Path]:
    """The backup, or a copy of an older one that was brought to today's schema. Raises StoreError."""
    if manifest.schema == SCHEMA_VERSION:
        _check_tables(path, manifest)
        yield path
        return
    copy = data / ".restore.part"
    try:
        with explained(copy):
            copy.unlink(missing_ok=True)
            os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            shutil.copyfile(path, copy)
        with connected(copy, Access.CHANGE) as connection:
            _check_tables(path, migrate_backup(connection, manifest))
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _check_tables(path: Path, manifest: Manifest) -> None:
    needed = {table.name for table in (*metadata.sorted_tables, files_table)}
    if missing := needed - set(manifest.contents):
        raise damaged(path, f"the table {min(missing)} is missing")


def _restore_files(source: Side, data: Path, gone: Whom) -> frozenset[Path]:
    """Write the backup's files, each whole; where they are. Those of people who were forgotten since are left out."""
    written = set()
    for values in source.read(select(files_table)):
        for each in values:
            path = PurePosixPath(each["path"])
            if path.is_absolute() or ".." in path.parts or path.parts[0] not in (*FOLDERS, AUDIT_FILE):
                raise GalleryError(f"{source.file}: names {each['path']!r}, which no backup has; use another")
            if path.parts[0] == SNAPSHOTS_FOLDER and path.parts[1] in gone.people:
                continue
            if path.parts[0] == AUDIT_FILE:
                audit.take_over(data, each["content"])
            else:
                _write_file(data / path, each["content"], each["modified_ns"])
                written.add(data / path)
    return frozenset(written)


def _write_file(path: Path, content: bytes, modified_ns: int) -> None:
    """Write a file whole or not at all. Raises StoreError."""
    part = path.with_name(f".{path.name}.part")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
                file.write(content)
            os.utime(part, ns=(modified_ns, modified_ns))
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def _replace_rows(
    source: Side, target: Connection, data: Path, manifest: Manifest, on_progress: OnProgress
) -> _Back:
    """Everything that is there by everything of the backup; who was erased from that again."""
    gone = forgotten(target, data, manifest.created_at)
    known = known_backups(target)
    erase_everything(target)
    copy_rows(source, Side(target), "restoring", on_progress)
    target.execute(update(gallery).values(id=secrets.token_hex(16)))
    go_on_above(target, manifest.last_labels)
    for each in known:
        remember(target, each)
    back = found_in(target, gone)
    if not back:
        return _Back(back, frozenset())
    named = pictures_showing(target, data, back)
    if back.people:
        happened = [Happened(ChangeKind.PERSON_FORGOTTEN, one) for one in sorted(back.people)]
        history.note(target, happened)
    erase(target, back)
    return _Back(back, files_of(data, named))

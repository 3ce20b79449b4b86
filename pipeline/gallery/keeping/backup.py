"""All of a running gallery into one file: its rows at one version, its pictures, and what calibrate measured."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, select

from pipeline.errors import GalleryError, StoreError
from pipeline.gallery.disk import sync
from pipeline.gallery.keeping import audit, backup_manifest
from pipeline.gallery.keeping.audit import AUDIT_FILE, AuditLine
from pipeline.gallery.keeping.backup_erasing import erase_from
from pipeline.gallery.keeping.backup_file import Access, check_is_file, connected, explained
from pipeline.gallery.keeping.backup_manifest import (
    Manifest,
    OnProgress,
    count_contents,
    files_table,
    read_manifest,
    untold,
    write_manifest,
)
from pipeline.gallery.keeping.copying import Side, copy_rows, last_labels
from pipeline.gallery.keeping.known_backups import (
    UNFINISHED,
    KnownBackup,
    forgotten,
    known_backups,
    part_of,
    remember,
    strike_off,
)
from pipeline.gallery.keeping.snapshots import SNAPSHOTS_FOLDER, files_below
from pipeline.gallery.names import is_text
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.rows import version as version_of
from pipeline.gallery.storage.tables import SCHEMA_VERSION, gallery, metadata

FOLDERS = (SNAPSHOTS_FOLDER, "strangers")
"""below the data folder, kept with the gallery: pictures, and the statistics that distances are derived from"""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds."""

    path: Path
    """absolute"""
    version: int
    """of the gallery"""
    rows: int
    """of all tables"""
    files: int
    bytes: int
    """of the backup"""


def backup(
    database: Database,
    data: Path,
    file: Path,
    at: datetime,
    *,
    replace: bool = False,
    on_progress: OnProgress = untold,
) -> BackedUp:
    """Copy an open gallery, at one version, while others go on writing to it.

    The file appears under its name when it is whole and on the disk. It is known from before its first byte, so that
    whoever is forgotten is erased from it too, also while it is being written.

    Args:
        at: now, UTC.
        replace: a backup of this name that is there; anything else of this name is refused.

    Raises GalleryError for a name that cannot be used, StoreError where a disk or the database fails.
    """
    path = _checked(file, replace)
    with _part(path) as part:
        is_new = _announce(database, path, at)
        try:
            manifest = _write(database, data, part, at, on_progress)
            _publish(database, data, part, KnownBackup(path, at, manifest.version))
        except BaseException:
            if is_new:
                with suppress(StoreError), database.writing() as connection:
                    strike_off(connection, path)
            raise
    audit.note(data, AuditLine("backup", file=path), at)
    rows = sum(found.rows for name, found in manifest.contents.items() if name != files_table.name)
    files = manifest.contents[files_table.name].rows
    return BackedUp(path, manifest.version, rows, files, path.stat().st_size)


def absolute(file: Path) -> Path:
    """The name under which the gallery knows a backup. Raises GalleryError for one that it cannot know."""
    path = Path(os.path.abspath(file))
    if not is_text(str(path)):
        raise GalleryError(f"{file}: the name of a backup must be UTF-8, so that the gallery can know it")
    return path


def _checked(file: Path, replace: bool) -> Path:
    """Where the backup goes, absolute. Raises GalleryError."""
    path = absolute(file)
    if not path.parent.is_dir():
        raise GalleryError(f"{file}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise GalleryError(f"{file}: is a folder; name a file in it")
    if path.is_symlink() or path.exists():
        if not replace:
            raise GalleryError(f"{file}: is there already; name another file, or give --force to replace it")
        check_is_file(path)
        with connected(path, Access.READ) as connection:
            read_manifest(connection, path)  # only a backup is replaced by one
    return path


@contextmanager
def _part(path: Path) -> Iterator[Path]:
    """The file that a backup is written to until it is whole, locked against another backup of this name."""
    part = part_of(path)
    with explained(part):
        lock = os.open(part, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"{path}: another program is writing this backup; name another file") from None
        os.ftruncate(lock, 0)  # what a backup that was killed has left
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)
    finally:
        os.close(lock)


def _announce(database: Database, path: Path, at: datetime) -> bool:
    """Know of a backup that is about to be written; whether none of its name was known."""
    with database.writing() as connection:
        if any(each.path == path for each in known_backups(connection)):
            return False
        remember(connection, KnownBackup(path, at, UNFINISHED))
        return True


def _write(database: Database, data: Path, part: Path, at: datetime, on_progress: OnProgress) -> Manifest:
    """Write all of the backup. The gallery's transaction is open for as long as its rows are copied."""
    with connected(part, Access.NEW) as target:
        with explained(part):
            metadata.create_all(target, checkfirst=False)
            backup_manifest.metadata.create_all(target, checkfirst=False)
        with database.reading() as source:
            version = version_of(source)
            gallery_id = source.execute(select(gallery.c.id)).scalar_one()
            labels = last_labels(source)
            copy_rows(Side(source), Side(target, part), "copying", on_progress)
        _copy_files(data, target, on_progress)
        contents = count_contents(target, on_progress)
        manifest = Manifest(SCHEMA_VERSION, gallery_id, version, at, contents, labels)
        write_manifest(target, manifest)
    return manifest


def _copy_files(data: Path, target: Connection, on_progress: OnProgress) -> None:
    """Copy the files that belong to the gallery, one at a time; those that vanish meanwhile are left out."""
    found = [path for folder in FOLDERS for path in files_below(data / folder)]
    found += [data / AUDIT_FILE] if (data / AUDIT_FILE).exists() else []
    for done, path in enumerate(found, 1):
        try:
            content, modified_ns = path.read_bytes(), path.stat().st_mtime_ns
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StoreError(
                f"{path}: {(error.strerror or 'not readable').lower()}; make it readable"
            ) from error
        target.execute(
            files_table.insert().values(
                path=path.relative_to(data).as_posix(),
                modified_ns=modified_ns,
                bytes=len(content),
                sha256=sha256(content).hexdigest(),
                content=content,
            )
        )
        on_progress("copying pictures", done, len(found))


def _publish(database: Database, data: Path, part: Path, new: KnownBackup) -> None:
    """Give a whole backup its name.

    While nobody else writes to the gallery: whoever was forgotten since its rows were read is erased from it now, and
    whoever is forgotten later will find it.
    """
    with explained(part):
        sync(part)  # minutes of writing reach the disk before anybody has to wait for this
    with database.writing() as connection:
        erase_from(part, forgotten(connection, data, new.created_at))
        with explained(part):
            sync(part)
            os.replace(part, new.path)
            sync(new.path.parent)
        remember(connection, new)

"""The folders of index snapshots: which there are, and how they go away."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.arrays import I64
from pipeline.errors import StoreError
from pipeline.gallery.disk import alone
from pipeline.gallery.indexes.wiping import wipe
from pipeline.gallery.memory.snapshot_files import (
    INDEX_FILES,
    LABELS_FILE,
    OWNERS_FILE,
    PEOPLE_FILE,
    DoubtfulSnapshotError,
    read_ids,
    read_manifest,
    read_numbers,
    secure,
    sums_below,
    write_manifest,
    write_owners,
)

INDEX_FOLDER = "index"
"""below the data folder"""
PAST_KIND = "sightings"
"""how folders begin that have an index of past sightings (past_file), which holds no template"""
WRITING, LEAVING = ".writing-", ".leaving-"
"""how folders begin that never became, or no longer are, a snapshot"""


def remove_snapshots(data: Path) -> int:
    """Remove all snapshots of indexes below a data folder; how many there were. Raises StoreError."""
    folders = _all_snapshots(data)
    with explained(data / INDEX_FOLDER):
        for folder in folders:
            remove_folder(folder)
    return len(folders)


def wipe_snapshots(data: Path, labels: I64, *, past: bool = False) -> int:
    """Overwrite these templates in all snapshots that hold one; how many did. Raises StoreError.

    A snapshot that cannot be wiped, or is in doubt, is removed. One whose writer is at work is the writer's to
    wipe when it is in place (snapshot_taking). `past`: remove the indexes of past sightings too, and count them.
    """
    held = 0
    with explained(data / INDEX_FOLDER):
        for folder in _all_snapshots(data):
            if not past and folder.parent.name.startswith(f"{PAST_KIND}-"):
                continue
            try:
                held += _wipe(folder, labels)
            except (OSError, ValueError, EOFError, DoubtfulSnapshotError):
                remove_folder(folder)
                held += 1
    return held


def _wipe(folder: Path, labels: I64) -> bool:
    """Whether there was anything to wipe. Where this breaks off, checksums no longer fit, and it is rebuilt.

    Raises OSError, ValueError, EOFError, DoubtfulSnapshotError for what can only be removed.
    """
    with alone(folder):
        there = read_numbers(folder / LABELS_FILE)
        kept = ~np.isin(there, labels)
        if kept.all():
            return False
        manifest = read_manifest(folder)
        wipe(folder / INDEX_FILES, labels)
        people, owners = read_ids(folder / PEOPLE_FILE), read_numbers(folder / OWNERS_FILE)
        write_owners(folder, there[kept], people, owners[kept])
        sums = sums_below(folder, threads=1)  # cameras may be watched meanwhile: not all cores for this
        write_manifest(folder, replace(manifest, templates=int(kept.sum()), files=sums))
        secure(folder)
    return True


def _all_snapshots(data: Path) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return [each for kind in (data / INDEX_FOLDER).iterdir() for each in snapshots_in(kind)]
    return []


def snapshots_in(folder: Path, *, half_made: bool = True) -> list[Path]:
    """The snapshots in a folder, and what crashed programs left of theirs; not those that are being written."""
    if not folder.is_dir():
        return []
    found = [each for each in folder.iterdir() if each.is_dir() and not each.is_symlink()]
    whole = [each for each in found if not each.name.startswith(".")]
    left = [each for each in found if each.name.startswith((WRITING, LEAVING)) and not _locked(each)]
    return whole + left if half_made else whole


def _locked(folder: Path) -> bool:
    """Whether the program that writes this folder lives."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return True  # gone, or somebody else's
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def remove_folder(folder: Path) -> None:
    """Remove a folder so that, whenever this breaks off, it is whole or no snapshot any more. Raises OSError."""
    with suppress(FileNotFoundError):  # another program was faster
        leaving = folder
        if not folder.name.startswith("."):
            leaving = folder.rename(folder.with_name(f"{LEAVING}{folder.name}-{secrets.token_hex(3)}"))
        shutil.rmtree(leaving)


def make_private(folder: Path) -> None:
    """Make a folder, where there is none, that only its owner looks into. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def new_folder(parent: Path) -> Iterator[Path]:
    """A folder that is left alone by other programs until it is renamed; gone where that fails. Raises OSError."""
    folder = Path(tempfile.mkdtemp(prefix=WRITING, dir=parent))
    with alone(folder):
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn the system's errors into StoreError."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or "cannot be used").lower()
        raise StoreError(f"{folder}: {reason}; free some space there, or make it writable") from error

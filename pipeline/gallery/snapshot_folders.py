"""The folders of index snapshots: which there are, and how they go away."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from pipeline.arrays import I64
from pipeline.errors import StoreError

INDEX_FOLDER = "index"
"""below the data folder"""
LABELS_FILE = "labels.npy"
WRITING, LEAVING = ".writing-", ".leaving-"
"""how folders begin that never became, or no longer are, a snapshot"""


def remove_snapshots(data: Path) -> int:
    """Remove all snapshots of indexes below a data folder; how many there were. Raises StoreError."""
    folders = _all_snapshots(data)
    with explained(data / INDEX_FOLDER):
        for folder in folders:
            remove_folder(folder)
    return len(folders)


def wipe_snapshots(data: Path, labels: I64) -> int:
    """Remove all snapshots that hold one of these templates, or may; how many. Raises StoreError.

    A snapshot whose writer is at work is the writer's to check, when it is in place (snapshot_taking).
    """
    removed = 0
    with explained(data / INDEX_FOLDER):
        for folder in _all_snapshots(data):
            try:
                held = bool(np.isin(labels, read_numbers(folder / LABELS_FILE)).any())
            except (OSError, ValueError, EOFError):
                held = True
            if held:
                remove_folder(folder)
                removed += 1
    return removed


def read_numbers(path: Path) -> I64:
    """An array of whole numbers. Raises OSError, ValueError, EOFError."""
    found = np.load(path, allow_pickle=False)
    if found.dtype != np.int64 or found.ndim != 1:
        raise ValueError(f"{path.name} is {found.dtype} {found.shape}")
    return np.asarray(found)


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
def explained(folder: Path) -> Iterator[None]:
    """Turn the system's errors into StoreError."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or "cannot be used").lower()
        raise StoreError(f"{folder}: {reason}; free some space there, or make it writable") from error

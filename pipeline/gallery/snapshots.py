"""Snapshots of a person below the data folder: snapshots/<person id>/, so that forgetting finds them."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.gallery.names import PERSON_ID

SNAPSHOTS_FOLDER = "snapshots"


def snapshots_of(data: Path, person_id: str) -> Path:
    """The folder of a person's snapshots, which may not exist. Raises ValueError for what is no person's id."""
    if not PERSON_ID.fullmatch(person_id):
        raise ValueError(f"a person's id is p_ and 12 hexadecimal digits, got {person_id!r}")
    return data / SNAPSHOTS_FOLDER / person_id


def erase_snapshots(data: Path, person_id: str) -> int:
    """Delete a person's snapshots; how many files there were. Raises StoreError where one cannot be deleted."""
    folder = snapshots_of(data, person_id)
    if not folder.is_dir():
        return 0
    count = sum(1 for path in folder.rglob("*") if not path.is_dir())
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StoreError(
            f"{folder}: {(error.strerror or 'cannot be deleted').lower()}; make it writable and forget again"
        ) from error
    return count

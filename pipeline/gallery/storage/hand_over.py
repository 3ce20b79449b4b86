"""Pictures of somebody who is merged into another: snapshots/<into>/<gone>/, the old folder whole within the new.

Moving them is one step, which is done or not, and no two files can be in each other's way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import StoreError
from pipeline.gallery.keeping.snapshots import SNAPSHOTS_FOLDER, snapshots_of
from pipeline.gallery.names import PERSON_ID


@dataclass(frozen=True, slots=True)
class Left:
    """Pictures of one person that lie with another: of somebody merged, or of a merge that was cut off."""

    folder: Path
    whose: str
    with_whom: str


def hand_over(data: Path, gone_id: str, into_id: str) -> int:
    """Make a person's pictures another's; how many files. Raises StoreError, and then none was moved."""
    return _move(snapshots_of(data, gone_id), snapshots_of(data, into_id) / gone_id)


def take_back(data: Path, gone_id: str, into_id: str) -> int:
    """Undo `hand_over`, as when the rest of a merge failed; how many files. Raises StoreError."""
    return _move(snapshots_of(data, into_id) / gone_id, snapshots_of(data, gone_id))


def left_behind(data: Path) -> Iterator[Left]:
    """Every folder of one id within another's, in order."""
    for folder in sorted((data / SNAPSHOTS_FOLDER).glob("p_*/**/p_*/")):
        if PERSON_ID.fullmatch(folder.name):
            yield Left(folder, folder.name, folder.relative_to(data / SNAPSHOTS_FOLDER).parts[0])


def _move(folder: Path, to: Path) -> int:
    if not folder.is_dir():
        return 0
    count = sum(1 for path in folder.rglob("*") if not path.is_dir())
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(to)
    except OSError as error:
        reason = (error.strerror or "cannot be moved").lower()
        raise StoreError(f"{folder}: {reason}; make it and {to.parent} writable") from error
    return count

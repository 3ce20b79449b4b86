"""Pictures of somebody who is merged into another: snapshots/<into>/<gone>/, the old folder whole within the new.

Moving them is one step, which is done or not, and no two files can be in each other's way.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import StoreError
from pipeline.gallery.snapshots import snapshots_of


def hand_over(data: Path, gone_id: str, into_id: str) -> int:
    """Make a person's pictures another's; how many files. Raises StoreError, and then none was moved."""
    return _move(snapshots_of(data, gone_id), snapshots_of(data, into_id) / gone_id)


def take_back(data: Path, gone_id: str, into_id: str) -> int:
    """Undo `hand_over`, as when the rest of a merge failed; how many files. Raises StoreError."""
    return _move(snapshots_of(data, into_id) / gone_id, snapshots_of(data, gone_id))


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

"""What `doctor` says of faces that should be gone: forgetting that was cut short, and what is kept beyond its time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.clock import SystemClock

if TYPE_CHECKING:
    from config.schema import Config
    from pipeline.gallery.storage.store import Store

SHOWN = 5
"""ids and files named at most"""


def unkept_promises(config: Config, data: Path, store: Store) -> list[str]:
    """A line each, with what to run. Raises StoreError."""
    from pipeline.assemble.retention import retention_rules
    from pipeline.gallery.keeping.audit import unfinished
    from pipeline.gallery.keeping.known_backups import known_backups
    from pipeline.gallery.keeping.retention import due

    lines = [
        f"{one} is not erased everywhere; run: {'strangers' if one.startswith('s_') else 'people'} forget {one}"
        for one in unfinished(data)[:SHOWN]
    ]
    with store.database.reading() as connection:
        missing = [str(one.path) for one in known_backups(connection) if not one.path.exists()]
    lines += [
        f"backup {path} is not there, so nobody can be erased from it; bring it back, or run: backup --gone {path}"
        for path in missing[:SHOWN]
    ]
    past = due(store.database, data, retention_rules(config), SystemClock().now()).people
    if past:
        whom = "1 person is" if len(past) == 1 else f"{len(past)} people are"
        lines.append(f"{whom} kept past their date; run: expire")
    return lines

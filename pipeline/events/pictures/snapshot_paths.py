"""Where pictures go below the data folder."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import sha256

from pipeline.gallery.keeping.snapshots import SNAPSHOTS_FOLDER

MAX_NAME = 80
"""characters that a camera's or a run's name takes in a path; a longer one is cut, and told apart by a hash"""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def snapshot_path(sighting_id: str, first_seen_at: datetime) -> str:
    """Where the picture of a sighting goes: one file, which a better shot replaces.

    >>> snapshot_path("door:k3f9:17", datetime(2026, 5, 1, 9, tzinfo=UTC))
    'snapshots/2026-05-01/door/k3f9-17.jpg'
    """
    camera, run, number = sighting_id.rsplit(":", 2)
    day = first_seen_at.astimezone(UTC).date().isoformat()
    return f"{SNAPSHOTS_FOLDER}/{day}/{safe(camera)}/{safe(run)}-{number}.jpg"


def safe(name: str) -> str:
    """A name as one part of a path. One that had to be changed ends in a hash, so that no two become the same.

    >>> safe("../yard")
    '_yard-c6c36ba9'
    """
    kept = _UNSAFE.sub("_", name)[:MAX_NAME].lstrip(".-")
    if kept == name and kept:
        return kept
    return f"{kept}-{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}".lstrip("-")

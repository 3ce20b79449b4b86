"""What is kept too long is erased: sightings, what strangers are recognised by, pictures, people past their date.

All times count from when something was written, not from when it was seen: a recording of last year that is replayed
today is kept as long as today's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select

from pipeline.gallery.keeping import audit
from pipeline.gallery.keeping.audit import AuditLine
from pipeline.gallery.keeping.backup_manifest import OnProgress, untold
from pipeline.gallery.keeping.forgetting import Forgotten, forget
from pipeline.gallery.keeping.picture_room import every_file, is_left_behind, oldest_beyond
from pipeline.gallery.keeping.snapshots import (
    delete_pictures,
    expired_pictures,
    frame_of,
    picture,
    with_faces,
)
from pipeline.gallery.past.past_keeping import wipe_past
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.tables import people, sightings

EVERY = timedelta(days=1)
"""how often a program that runs for long erases what is kept too long"""


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """How long things are kept; None: for good."""

    sightings: timedelta | None
    stranger_vectors: timedelta | None
    """what unknown people are recognised and searched by; as long as their sightings at most"""
    snapshots: timedelta | None
    snapshots_bytes: int | None = None
    """of all pictures; beyond it the oldest go"""


@dataclass(frozen=True, slots=True)
class Due:
    """What is kept too long."""

    sightings: int
    stranger_vectors: int
    """of sightings that stay"""
    snapshots: tuple[Path, ...]
    """pictures: old ones, those of the sightings, and the oldest of too many"""
    people: tuple[str, ...]
    """ids of those who were not to be kept longer"""

    @property
    def counts(self) -> Mapping[str, int]:
        """What -> how many, as reports say it."""
        return _counts(self.sightings, self.stranger_vectors, len(self.snapshots), len(self.people))


@dataclass(frozen=True, slots=True)
class Expired:
    """What was erased because it was kept too long."""

    sightings: int
    stranger_vectors: int
    snapshots: int
    people: tuple[Forgotten, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """What -> how many, as reports and the audit file say it."""
        return _counts(self.sightings, self.stranger_vectors, self.snapshots, len(self.people))

    @property
    def left(self) -> tuple[str, ...]:
        """Where something of those people is, or may be, and what to do about it."""
        return tuple(dict.fromkeys(line for one in self.people for line in one.left))


def due(database: Database, data: Path, rules: RetentionRules, at: datetime) -> Due:
    """What `expire` would erase. `at`: now, UTC. Raises StoreError."""
    old, faded = _before(at, rules.sightings), _before(at, rules.stranger_vectors)
    with database.reading() as connection:
        count = select(func.count()).select_from(sightings)
        gone = (
            0 if old is None else connection.execute(count.where(sightings.c.written_at < old)).scalar_one()
        )
        vectors = 0
        if faded is not None and (old is None or old < faded):
            unknown = count.where(sightings.c.stranger_id.is_not(None), sightings.c.vector.is_not(None))
            unknown = unknown.where(sightings.c.written_at < faded)
            if old is not None:
                unknown = unknown.where(sightings.c.written_at >= old)
            vectors = connection.execute(unknown).scalar_one()
        past = select(people.c.id).where(people.c.retain_until <= at).order_by(people.c.id)
        ids = tuple(connection.execute(past).scalars())
        paths = _pictures_of(connection, data, old)
    limit = _before(at, rules.snapshots)
    paths |= set() if limit is None else set(expired_pictures(data, limit))
    paths = set(with_faces(paths))
    paths |= {Path(file.path) for file in every_file(data) if is_left_behind(file, at.timestamp())}
    if rules.snapshots_bytes is not None:
        known = {str(path) for path in paths}
        going = oldest_beyond(
            lambda: (file for file in every_file(data) if file.path not in known), rules.snapshots_bytes
        )
        paths |= with_faces(frame_of(Path(file.path)) for file in going)
    return Due(gone, vectors, tuple(sorted(path for path in paths if path.exists())), ids)


def expire(
    database: Database,
    data: Path,
    rules: RetentionRules,
    at: datetime,
    *,
    look: bool = False,
    on_progress: OnProgress = untold,
) -> Expired:
    """Erase what is kept too long, in small transactions; people as `forget` does, each with a line in the audit file.

    Args:
        at: now, UTC.
        look: whether to prove of each person that nothing is left.

    Raises StoreError; what was erased until then is erased, and the rest with the next call.
    """
    found = due(database, data, rules, at)
    old, faded = _before(at, rules.sightings), _before(at, rules.stranger_vectors)
    seen = 0 if old is None else Sightings(database).expire(old)
    vectors = 0 if faded is None else Strangers(database).expire_vectors(faded)
    pictures = delete_pictures(found.snapshots)
    if seen or vectors:
        database.wipe_log()
        wipe_past(database, data)
    gone = tuple(
        forget(database, data, one, look=look, now=lambda: at, on_progress=on_progress)
        for one in found.people
    )
    expired = Expired(seen, vectors, pictures, gone)
    if any(expired.counts.values()):
        audit.note(data, AuditLine("expire", erased=expired.counts), at)
    return expired


def _counts(seen: int, vectors: int, pictures: int, gone: int) -> Mapping[str, int]:
    return {"sightings": seen, "stranger_vectors": vectors, "snapshots": pictures, "people": gone}


def _before(at: datetime, kept: timedelta | None) -> datetime | None:
    return None if kept is None else at - kept


def _pictures_of(connection: Connection, data: Path, old: datetime | None) -> set[Path]:
    """Pictures that only sightings name which were written before this time."""
    if old is None:
        return set()
    named = select(sightings.c.snapshot).where(sightings.c.snapshot.is_not(None))
    going = set(connection.execute(named.where(sightings.c.written_at < old)).scalars())
    going -= set(connection.execute(named.where(sightings.c.written_at >= old)).scalars()) if going else set()
    return {path for each in going if (path := picture(data, each)) is not None}

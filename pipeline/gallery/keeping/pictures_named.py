"""Which pictures sightings name, and which others show the same people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, and_, or_, select

from pipeline.gallery.keeping.erasing import Whom, rows_of
from pipeline.gallery.keeping.snapshots import picture
from pipeline.gallery.sightings.sighting_records import RunOfCamera
from pipeline.gallery.sightings.sighting_rows import AnyRow, pieces
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.tables import sightings

BEFORE_AND_AFTER = timedelta(seconds=2)
"""somebody who enters or leaves is in the frame before and after their face is found"""


@dataclass(frozen=True, slots=True)
class Beside:
    """A picture of another sighting, of a camera that saw somebody at the same time."""

    named: str
    """as its sighting names it"""
    times: tuple[tuple[datetime, datetime], ...]
    """from when to when that camera saw them while it saw the other: a frame of then shows both"""

    def shows_them(self, taken_at: datetime | None) -> bool:
        """Whether a picture taken then shows them; one that does not say when it was taken may."""
        return taken_at is None or any(start <= taken_at <= end for start, end in self.times)


def pictures_of(connection: Connection, whom: Whom) -> frozenset[str]:
    """The pictures that these people's sightings name, as they name them."""
    (of_sightings,) = (each.which for each in rows_of(whom) if each.table is sightings)
    asked = select(sightings.c.snapshot).where(of_sightings, sightings.c.snapshot.is_not(None))
    return frozenset(connection.execute(asked).scalars())


def pictures_beside(connection: Connection, whom: Whom) -> Iterator[Beside]:
    """Pictures of others that a camera saw beside these people, and which may show them in the background."""
    (of_sightings,) = (each.which for each in rows_of(whom) if each.table is sightings)
    columns = (sightings.c.camera, sightings.c.run, sightings.c.first_seen_at, sightings.c.seen_at)
    theirs: dict[RunOfCamera, list[AnyRow]] = {}
    for row in connection.execute(select(*columns).where(of_sightings).order_by(sightings.c.first_seen_at)):
        theirs.setdefault(RunOfCamera(row.camera, row.run), []).append(row)
    for run, seen in theirs.items():
        asked = select(*columns, sightings.c.snapshot).where(
            sightings.c.camera == run.camera,
            sightings.c.run == run.run,
            sightings.c.snapshot.is_not(None),
            sightings.c.seen_at >= seen[0].first_seen_at - BEFORE_AND_AFTER,
            sightings.c.first_seen_at <= max(row.seen_at for row in seen) + BEFORE_AND_AFTER,
            sightings.c.label.not_in(select(sightings.c.label).where(of_sightings)),
        )
        for other in connection.execute(asked.execution_options(yield_per=1000)):
            if times := _together(other, seen):
                yield Beside(other.snapshot, times)


def pictures_of_runs(database: Database, data: Path, runs: Sequence[RunOfCamera]) -> frozenset[Path]:
    """The pictures that sightings of these runs name. Raises StoreError."""
    found: set[str] = set()
    with database.reading() as connection:
        for piece in pieces(runs, 100):
            of_runs = or_(
                *(and_(sightings.c.camera == run.camera, sightings.c.run == run.run) for run in piece)
            )
            asked = select(sightings.c.snapshot).where(of_runs, sightings.c.snapshot.is_not(None))
            found |= set(connection.execute(asked).scalars())
    return frozenset(path for each in found if (path := picture(data, each)) is not None)


def _together(other: AnyRow, seen: Sequence[AnyRow]) -> tuple[tuple[datetime, datetime], ...]:
    """When they were seen, of those times at which the other was seen too."""
    return tuple(
        (row.first_seen_at - BEFORE_AND_AFTER, row.seen_at + BEFORE_AND_AFTER)
        for row in seen
        if row.first_seen_at - BEFORE_AND_AFTER <= other.seen_at
        and other.first_seen_at <= row.seen_at + BEFORE_AND_AFTER
    )

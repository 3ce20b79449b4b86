"""Which pictures sightings name, and which others show the same people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, and_, or_, select

from pipeline.gallery.keeping.erasing import Whom, rows_of
from pipeline.gallery.keeping.picture_about import head_of, taken_at
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
    """from when to when that camera saw them, and a moment more: a frame of then shows them"""
    is_together: bool
    """whether both were seen at once, and not one a moment after the other"""
    is_over: bool
    """otherwise a frame of then may still become its picture"""

    def shows_them(self, taken_at: datetime | None) -> bool:
        """Whether a picture taken then shows them; one that does not say when may, where both were seen at once."""
        if taken_at is None:
            return self.is_together
        return any(start <= taken_at <= end for start, end in self.times)


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
        asked = select(*columns, sightings.c.snapshot, sightings.c.over).where(
            sightings.c.camera == run.camera,
            sightings.c.run == run.run,
            sightings.c.snapshot.is_not(None),
            sightings.c.seen_at >= seen[0].first_seen_at - BEFORE_AND_AFTER,
            sightings.c.first_seen_at <= max(row.seen_at for row in seen) + BEFORE_AND_AFTER,
            sightings.c.label.not_in(select(sightings.c.label).where(of_sightings)),
        )
        for other in connection.execute(asked.execution_options(yield_per=1000)):
            near = [row for row in seen if _is_near(row, other, BEFORE_AND_AFTER)]
            times = tuple(
                (row.first_seen_at - BEFORE_AND_AFTER, row.seen_at + BEFORE_AND_AFTER) for row in near
            )
            if near:
                at_once = any(_is_near(row, other, timedelta()) for row in near)
                yield Beside(other.snapshot, times, at_once, other.over)


def pictures_showing(connection: Connection, data: Path, whom: Whom) -> frozenset[str]:
    """All pictures that show these people, as sightings name them: theirs, and others' with them in the background.

    Reads the first bytes of those that may.
    """
    return pictures_of(connection, whom) | {
        beside.named
        for beside in pictures_beside(connection, whom)
        if (path := picture(data, beside.named)) is not None
        and (not beside.is_over or beside.shows_them(taken_at(head_of(path))))
    }


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


def _is_near(one: AnyRow, other: AnyRow, within: timedelta) -> bool:
    """Whether two sightings overlap in time, or are no further apart than this."""
    return bool(one.first_seen_at - within <= other.seen_at and other.first_seen_at <= one.seen_at + within)

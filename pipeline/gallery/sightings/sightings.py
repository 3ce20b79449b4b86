"""Who was seen where and when, kept in the gallery's database."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from pipeline.gallery.comparable import Comparable
from pipeline.gallery.past.past import sightings_at, sightings_of
from pipeline.gallery.sightings.due_corrections import due_corrections, mark_told
from pipeline.gallery.sightings.open_rows import OpenRow, mark_over, open_rows
from pipeline.gallery.sightings.sighting_places import place
from pipeline.gallery.sightings.sighting_records import DueCorrection, RunOfCamera, Sighting
from pipeline.gallery.sightings.sighting_rows import AnyRow
from pipeline.gallery.sightings.sighting_writes import Writing
from pipeline.gallery.sightings.stranger_history import StrangerHistory
from pipeline.gallery.storage.database import Database

AT_ONCE = 1000
"""sightings read or erased in one transaction: a running monitor writes to the same database"""


class Sightings:
    """The sightings of a gallery. Every write is one transaction. All methods raise StoreError where it fails."""

    def __init__(self, database: Database, comparable: Comparable = ()) -> None:
        """`comparable`: models whose vectors may be compared with each other; those of others only with their own."""
        self._database = database
        self._comparable = comparable

    def write(self, new: Sequence[Sighting]) -> None:
        """Keep what was published of sightings of a run that goes on.

        An open one is replaced: its run alone numbers its events, and what an operator said of it meanwhile was said
        of its stranger or person. One that is over is not, where a later seq of it is kept: it was corrected since.
        """
        if not new:
            return
        with self._writing() as writing:
            stored = writing.stored(one.sighting_id for one in new)
            fresh = [
                one
                for key, one in _latest(new).items()
                if key not in stored or _may_replace(stored[key], one)
            ]
            writing.put(place(writing.connection, fresh, self._comparable), stored)

    def replace_run(self, runs: Sequence[RunOfCamera], new: Sequence[Sighting]) -> None:
        """Keep these in place of everything that these cameras of these runs wrote before.

        What was said of a stranger (named, merged, ignored) stays, and holds for the sightings that come under the
        old id again. Strangers of whom nothing was said and nothing is left vanish.
        """
        of_runs = {(run.camera, run.run) for run in runs}
        for one in new:
            if (one.camera, one.run) not in of_runs:
                raise ValueError(f"{one.sighting_id} is of none of the runs that are replaced")
        with self._writing() as writing:
            stored = {row.sighting_id: row for run in runs for row in writing.of_run(run)}
            ended = [replace(one, over=True) for one in _latest(new).values()]
            placed = place(writing.connection, ended, self._comparable)
            writing.put(placed, stored)
            staying = {one.sighting.sighting_id for one in placed}
            writing.remove([row for key, row in stored.items() if key not in staying])
            writing.sweep(row.stranger_id for row in stored.values())

    def of_stranger(self, stranger_id: str, count: int) -> tuple[Sighting, ...]:
        """A stranger's sightings, the latest first, `count` at most, without their vectors."""
        with self._database.reading() as connection:
            return sightings_of(connection, stranger_id, count)

    def at(self, labels: Iterable[int]) -> Mapping[int, Sighting]:
        """Those of these labels that are still there, without their vectors."""
        with self._database.reading() as connection:
            return sightings_at(connection, labels)

    def due(self, after: int = 0, count: int = AT_ONCE) -> tuple[DueCorrection, ...]:
        """Corrections that wait to be published, of sightings behind this label, in order of label."""
        with self._database.reading() as connection:
            return due_corrections(connection, after, count)

    def told(self, published: Sequence[DueCorrection]) -> None:
        """Note that these corrections were published."""
        with self._database.writing() as connection:
            mark_told(connection, published)

    def left_open(self, runs: Collection[RunOfCamera]) -> tuple[OpenRow, ...]:
        """The sightings of these cameras' runs that are not over."""
        with self._database.reading() as connection:
            return open_rows(connection, runs)

    def close(self, sighting_ids: Collection[str]) -> None:
        """Say of these that nothing more will come of them, and nothing else."""
        with self._database.writing() as connection:
            mark_over(connection, sighting_ids)

    def expire(self, written_before: datetime) -> int:
        """Erase what was written before this time, and strangers of whom nothing is left; how many sightings.

        In transactions of AT_ONCE sightings each.
        """
        erased = 0
        while True:
            with self._writing() as writing:
                old = writing.written_before(written_before, AT_ONCE)
                writing.remove(old)
                writing.sweep(row.stranger_id for row in old)
            erased += len(old)
            if len(old) < AT_ONCE:
                return erased

    @contextmanager
    def _writing(self) -> Iterator[Writing]:
        with self._database.writing() as connection:
            history = StrangerHistory(connection)
            yield Writing(connection, history)
            history.write()


def _latest(new: Sequence[Sighting]) -> Mapping[str, Sighting]:
    """Each sighting once, as its last seq has it, in the order in which they are given."""
    found: dict[str, Sighting] = {}
    for one in new:
        before = found.get(one.sighting_id)
        if before is None or one.seq >= before.seq:
            found[one.sighting_id] = one
    return found


def _may_replace(stored: AnyRow, new: Sighting) -> bool:
    return not stored.over or (new.over and new.seq >= stored.seq)

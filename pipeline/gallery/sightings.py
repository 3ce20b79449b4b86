"""Who was seen where and when, kept in the gallery's database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pipeline.gallery.database import Database
from pipeline.gallery.sighting_places import place
from pipeline.gallery.sighting_records import RunOfCamera, Sighting
from pipeline.gallery.sighting_writes import Writing
from pipeline.gallery.stranger_history import StrangerHistory


class Sightings:
    """The sightings of a gallery. Every write is one transaction. All methods raise StoreError where it fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, new: Sequence[Sighting]) -> None:
        """Keep sightings that are over, after their `end` was published.

        One that is kept already is replaced, unless a later seq of it is kept: somebody said since who it was.
        """
        if not new:
            return
        with self._writing() as writing:
            stored = writing.stored(one.sighting_id for one in new)
            last = {one.sighting_id: one for one in sorted(new, key=lambda one: one.seq)}
            fresh = [one for key, one in last.items() if key not in stored or one.seq >= stored[key].seq]
            writing.put(place(writing.connection, fresh), stored)

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
            placed = place(writing.connection, list({one.sighting_id: one for one in new}.values()))
            writing.put(placed, stored)
            staying = {one.sighting.sighting_id for one in placed}
            writing.remove([row for key, row in stored.items() if key not in staying])
            writing.sweep(row.stranger_id for row in stored.values())

    @contextmanager
    def _writing(self) -> Iterator[Writing]:
        with self._database.writing() as connection:
            history = StrangerHistory(connection)
            yield Writing(connection, history)
            history.write()

"""What is remembered of people for as long as it takes to prove that nothing of them is left."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection, Table, func, select

from pipeline.arrays import F32
from pipeline.errors import StoreError
from pipeline.gallery.keeping.backup_manifest import ROWS_AT_ONCE
from pipeline.gallery.keeping.erasing import Whom, rows_of
from pipeline.gallery.keeping.traces import HEADER, MOST_CUTS, cuts_of
from pipeline.gallery.storage.tables import crops, sightings, templates
from pipeline.gallery.vectors import floats_to_bytes, from_bytes

MOST_CUTS_IN_ALL = 65_536
"""where one cut a vector makes no more: with them files are searched at 160 MB a second, with few at 570"""

MOST_PROBES = 1000
"""vectors that the gallery is searched for, templates first; all others are only compared byte by byte"""


@dataclass(frozen=True, slots=True)
class Probe:
    """A vector that was somebody's."""

    model_id: str
    vector: F32
    """(D,) unit length"""


class Evidence:
    """Traces of people who are about to be erased. It is kept in memory, and written nowhere."""

    def __init__(self) -> None:
        self.whom = Whom()
        self.labels: dict[str, set[int]] = {templates.name: set(), sightings.name: set()}
        """by table"""
        self.probes: list[Probe] = []
        self.prints: set[bytes] = set()
        """SHA-256 of every vector"""
        self.cuts: set[bytes] = set()
        """of every vector, crop and picture"""

    def gather(self, connection: Connection, whom: Whom) -> None:
        """Read what a gallery, or a backup, has of these people."""
        self.whom |= whom
        which = {rows.table: rows.which for rows in rows_of(whom)}
        asked = [
            select(func.count()).select_from(table).where(which[table])
            for table in (templates, crops, sightings)
        ]
        count = sum(connection.execute(each).scalar_one() for each in asked)
        most = max(1, min(MOST_CUTS, MOST_CUTS_IN_ALL // max(1, count)))
        for table in (templates, sightings):
            self._gather_vectors(connection, whom, table, most)
        pngs = select(crops.c.png).where(which[crops]).execution_options(yield_per=ROWS_AT_ONCE)
        for png in connection.execute(pngs).scalars():
            self.cuts.update(cuts_of(png, most, HEADER))

    def gather_pictures(self, paths: Iterable[Path]) -> None:
        """Read pictures that are about to be deleted; those that are gone are passed over. Raises StoreError."""
        for path in paths:
            try:
                self.cuts.update(cuts_of(path.read_bytes(), header=HEADER))
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = (error.strerror or "not readable").lower()
                raise StoreError(f"{path}: {reason}; make it readable and run this again") from error

    def _gather_vectors(self, connection: Connection, whom: Whom, table: Table, most: int) -> None:
        (which,) = (rows.which for rows in rows_of(whom) if rows.table is table)
        asked = select(table.c.label, table.c.model_id, table.c.vector).where(which)
        for row in connection.execute(asked.execution_options(yield_per=ROWS_AT_ONCE)):
            self.labels[table.name].add(row.label)
            if row.vector is None:
                continue
            self.prints.add(sha256(row.vector).digest())
            self.cuts.update(cuts_of(row.vector, most))
            try:
                vector = from_bytes(row.vector)
            except ValueError:
                continue  # damaged: its bytes can be looked for, and nothing is near it
            # Where it is kept as int8, indexes, their snapshots and exports have it as floats.
            self.cuts.update(cuts_of(floats_to_bytes(vector), most))
            if len(self.probes) < MOST_PROBES:
                self.probes.append(Probe(row.model_id, vector))

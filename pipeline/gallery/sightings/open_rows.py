"""Sightings whose `end` was never kept: their monitor was killed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from pipeline.gallery.sightings.sighting_records import RunOfCamera, Sighting
from pipeline.gallery.sightings.sighting_rows import pieces, sighting
from pipeline.gallery.storage.tables import sightings


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A sighting that is not over, as it is kept, with its vector."""

    sighting: Sighting
    told_seq: int
    """of its last event that was published when it was written; 0: none"""


def open_rows(connection: Connection, runs: Collection[RunOfCamera]) -> tuple[OpenRow, ...]:
    """The sightings of these cameras' runs that are not over."""
    found: list[OpenRow] = []
    for piece in pieces(sorted({one.run for one in runs})):
        asked = select(sightings).where(sightings.c.run.in_(piece), ~sightings.c.over)
        found += [
            OpenRow(sighting(row), row.told_seq)
            for row in connection.execute(asked)
            if RunOfCamera(row.camera, row.run) in runs
        ]
    return tuple(found)


def mark_over(connection: Connection, sighting_ids: Collection[str]) -> None:
    """Say of these that nothing more will come; what else is kept of them stays."""
    for piece in pieces(sorted(sighting_ids)):
        over = update(sightings).where(sightings.c.sighting_id.in_(piece), ~sightings.c.over)
        connection.execute(over.values(over=True))

"""Past sightings as they are read: by an index of the past, a piece at a time, and by people, without their vectors."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sqlalchemy import Connection, select

from pipeline.gallery.comparable import Comparable, is_comparable
from pipeline.gallery.sightings.due_corrections import BLIND
from pipeline.gallery.sightings.sighting_records import PastVectors, Sighting
from pipeline.gallery.sightings.sighting_rows import pieces, sighting
from pipeline.gallery.storage.tables import sightings
from pipeline.gallery.vectors import stacked


def past_vectors(connection: Connection, comparable: Comparable, label: int, count: int) -> PastVectors:
    """The first `count` sightings behind this label that have a vector of these models."""
    times = (sightings.c.first_seen_at, sightings.c.seen_at, sightings.c.over)
    columns = (sightings.c.label, sightings.c.camera, *times, sightings.c.vector)
    asked = (
        select(*columns)
        .where(sightings.c.label > label, is_comparable(sightings.c.model_id, comparable))
        .where(sightings.c.vector.is_not(None))
        .order_by(sightings.c.label)
        .limit(count)
    )
    found = connection.execute(asked).all()
    places: dict[str, int] = {}
    return PastVectors(
        labels=np.array([row.label for row in found], np.int64),
        vectors=stacked([row.vector for row in found], "sightings"),
        camera_of=np.array([places.setdefault(row.camera, len(places)) for row in found], np.int32),
        cameras=tuple(places),
        first_ms=np.array([round(1000 * row.first_seen_at.timestamp()) for row in found], np.int64),
        seen_ms=np.array([round(1000 * row.seen_at.timestamp()) for row in found], np.int64),
        over=np.array([row.over for row in found], np.bool_),
    )


def sightings_at(connection: Connection, labels: Iterable[int]) -> dict[int, Sighting]:
    """Those of these labels that are still there, without their vectors."""
    found: dict[int, Sighting] = {}
    for piece in pieces(sorted(set(labels))):
        asked = select(*BLIND).where(sightings.c.label.in_(piece))
        found |= {row.label: sighting(row) for row in connection.execute(asked)}
    return found


def sightings_of(connection: Connection, stranger_id: str, count: int) -> tuple[Sighting, ...]:
    """A stranger's sightings, the latest first, without their vectors."""
    asked = (
        select(*BLIND)
        .where(sightings.c.stranger_id == stranger_id)
        .order_by(sightings.c.seen_at.desc(), sightings.c.label.desc())
        .limit(count)
    )
    return tuple(sighting(row) for row in connection.execute(asked))

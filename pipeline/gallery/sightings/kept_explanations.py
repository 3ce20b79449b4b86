"""Sightings as they are explained: one by its id, or all since a time for the funnel of each camera."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from pipeline.gallery.sightings.due_corrections import BLIND
from pipeline.gallery.sightings.sighting_records import Called, Sighting
from pipeline.gallery.sightings.sighting_rows import sighting
from pipeline.gallery.storage.history import merged_into
from pipeline.gallery.storage.tables import people, sightings

ROWS_AT_ONCE = 4096
"""explanations read at once: 2 MB"""


@dataclass(frozen=True, slots=True)
class KeptSighting:
    """A sighting, without its vector, and what the people are called whom it speaks of."""

    sighting: Sighting
    person: Called | None
    nearest: tuple[Called | None, ...]
    """as `sighting.nearest`, by whom they were merged into; None for one who is gone"""


@dataclass(frozen=True, slots=True)
class KeptExplanation:
    """What a funnel counts of a sighting."""

    camera: str
    named: bool
    over: bool
    text: str | None
    """of events.explanation; None of a sighting from before there were any"""


def kept_sighting(connection: Connection, sighting_id: str) -> KeptSighting | None:
    """The sighting of this id; None where there is none."""
    row = connection.execute(select(*BLIND).where(sightings.c.sighting_id == sighting_id)).first()
    if row is None:
        return None
    found = sighting(row)
    called = _called(connection, {one for one in (found.person_id, *found.nearest) if one is not None})
    person = None if found.person_id is None else called.get(found.person_id)
    return KeptSighting(
        found, person, tuple(None if one is None else called.get(one) for one in found.nearest)
    )


def explanations_since(
    connection: Connection, since: datetime, camera: str | None = None
) -> Iterator[KeptExplanation]:
    """Of every sighting that was written at this time or later, of one camera or of all.

    A camera's is written when it is seen, and a recording's when it is replayed, whenever it was filmed.
    """
    columns = (sightings.c.camera, sightings.c.person_id, sightings.c.over, sightings.c.explanation)
    asked = select(*columns).where(sightings.c.written_at >= since)
    if camera is not None:
        asked = asked.where(sightings.c.camera == camera)
    for row in connection.execute(asked.execution_options(yield_per=ROWS_AT_ONCE)):
        yield KeptExplanation(row.camera, row.person_id is not None, row.over, row.explanation)


def ids_like(connection: Connection, sighting_id: str, count: int) -> tuple[str, ...]:
    """Up to `count` ids of the camera in a sighting_id that does not exist, the likeliest to be meant first.

    Those of the same run with the nearest numbers, then the camera's latest; none where the camera has none.
    """
    camera, run, number = split_id(sighting_id)
    of_run = select(sightings.c.sighting_id).where(sightings.c.run == run, sightings.c.camera == camera)
    same = connection.execute(of_run).scalars().all()
    near = sorted(same, key=lambda one: (abs(split_id(one)[2] - number), split_id(one)[2]))[:count]
    if near:
        return tuple(near)
    latest = select(sightings.c.sighting_id).where(sightings.c.camera == camera)
    return tuple(connection.execute(latest.order_by(sightings.c.seen_at.desc()).limit(count)).scalars())


def cameras_of(connection: Connection) -> tuple[str, ...]:
    """Every camera with a sighting, in order of name."""
    return tuple(
        connection.execute(select(sightings.c.camera).distinct().order_by(sightings.c.camera)).scalars()
    )


def split_id(sighting_id: str) -> tuple[str, str, int]:
    """Camera, run and number of a sighting_id; what is missing is empty or 0.

    >>> split_id("door:k3f9:17"), split_id("door")
    (('door', 'k3f9', 17), ('door', '', 0))
    """
    camera, run, number = (*sighting_id.rsplit(":", 2), "", "")[:3]
    if sighting_id.count(":") < 2:
        return camera, "", 0
    return camera, run, int(number) if number.isascii() and number.isdigit() and len(number) < 19 else 0


def _called(connection: Connection, ids: Collection[str]) -> Mapping[str, Called]:
    """Names of these people by id, merges followed."""
    asked = select(people.c.id, people.c.name).where(people.c.id.in_(sorted(ids)))
    found = {row.id: Called(row.id, row.name) for row in connection.execute(asked)}
    into = merged_into(connection, sorted(set(ids) - set(found)))
    if into:
        found |= {old: one for old, new in into.items() if (one := _called(connection, {new}).get(new))}
    return found

"""Whose a sighting is when it is kept: strangers are named and merged while a run still sees them as they were."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, insert, select

from pipeline.arrays import F32
from pipeline.gallery.comparable import Comparable, beside, is_comparable
from pipeline.gallery.sightings.sighting_records import Sighting, StrangerState
from pipeline.gallery.sightings.sighting_rows import AnyRow, pieces
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.history import merged_into
from pipeline.gallery.storage.tables import people, strangers, templates
from pipeline.gallery.vectors import squared_l2, stacked


@dataclass(frozen=True, slots=True)
class Placed:
    """A sighting as it is to be kept."""

    sighting: Sighting
    told_seq: int
    """of its last event; below the sighting's own seq where a correction is due"""


def place(connection: Connection, sightings: Sequence[Sighting], comparable: Comparable = ()) -> list[Placed]:
    """Where these sightings belong now. Rows of strangers never seen before are made.

    A stranger who was merged goes on under the other's id and one who was named is that person: both differ from
    what the sighting's events said, so a correction is due, and so does a person who was merged into
    another. Sightings of people who were forgotten meanwhile are left out, and so are those people where a sighting
    says whom it came nearest to. `comparable`: models whose vectors may be compared; others only with their own.
    """
    known = _strangers(connection, [one.stranger_id for one in sightings if one.stranger_id is not None])
    meant = {one.person_id for one in sightings} | {each for one in sightings for each in one.nearest}
    whom = _people(connection, {each for each in meant if each is not None})
    placed = []
    for seen in sightings:
        one = replace(seen, nearest=tuple(None if each is None else whom.get(each) for each in seen.nearest))
        if one.person_id is not None:
            if one.person_id in whom:
                placed.append(_of_person(connection, one, whom[one.person_id], comparable))
        elif one.stranger_id is not None:
            placed.append(_of_stranger(connection, one, known[one.stranger_id], comparable))
        else:
            raise ValueError(f"{one.sighting_id} is neither a person's nor a stranger's")
    return placed


def _of_person(connection: Connection, one: Sighting, person_id: str, comparable: Comparable) -> Placed:
    """A person's sighting, by whom the person was merged into."""
    kept = replace(one, person_id=person_id, stranger_id=None, stands=False)
    if person_id == one.person_id:
        return Placed(kept, one.seq)
    distance = nearest(one.vector, vectors_of(connection, person_id, beside(one.model_id, comparable)))
    return Placed(replace(kept, seq=one.seq + 1, distance=distance), one.seq)


def _of_stranger(connection: Connection, one: Sighting, found: AnyRow, comparable: Comparable) -> Placed:
    """A stranger's sighting, by the row of whom the stranger is by now."""
    if found.state == StrangerState.NAMED:
        distance = nearest(
            one.vector, vectors_of(connection, found.person_id, beside(one.model_id, comparable))
        )
        named = replace(
            one,
            person_id=found.person_id,
            stranger_id=None,
            stands=False,
            seq=one.seq + 1,
            distance=distance,
        )
        return Placed(named, one.seq)
    stands = one.stands and one.vector is not None
    moved = found.id != one.stranger_id
    return Placed(replace(one, stranger_id=found.id, stands=stands, seq=one.seq + moved), one.seq)


def vectors_of(connection: Connection, person_id: str, comparable: Comparable) -> F32:
    """A person's templates of these models as (N, D); D is 0 where there is none."""
    of_person = (templates.c.person_id == person_id, is_comparable(templates.c.model_id, comparable))
    return stacked(connection.execute(select(templates.c.vector).where(*of_person)).scalars().all())


def nearest(vector: F32 | None, theirs: F32) -> float | None:
    """Squared L2 from a vector (D,) to the nearest of (N, D); None without one to compare."""
    if vector is None or not len(theirs):
        return None
    return float(squared_l2(vector, theirs).min())


def _strangers(connection: Connection, ids: Sequence[str]) -> Mapping[str, AnyRow]:
    """For each id the row it leads to, merges followed; made where there is none."""
    found: dict[str, AnyRow] = {}
    for piece in pieces(sorted(set(ids))):
        asked = select(strangers).where(strangers.c.id.in_(piece))
        there = {row.id for row in connection.execute(asked)}
        new = [
            {"id": each, "state": StrangerState.OPEN.value, "created_at": rows.now()}
            for each in piece
            if each not in there
        ]
        if new:
            connection.execute(insert(strangers), new)
        found |= {row.id: row for row in connection.execute(asked)}
    # `merge` keeps the chains one step long.
    targets = sorted({row.merged_into for row in found.values() if row.merged_into is not None})
    ends: dict[str, AnyRow] = {}
    for piece in pieces(targets):
        ends |= {
            row.id: row for row in connection.execute(select(strangers).where(strangers.c.id.in_(piece)))
        }
    return {each: ends.get(row.merged_into, row) for each, row in found.items()}


def _people(connection: Connection, ids: Collection[str]) -> Mapping[str, str]:
    """For each id of somebody who is still in the gallery, or was merged into somebody who is, whose id that is."""
    there = _living(connection, ids)
    found = {each: each for each in there}
    gone = set(ids) - there
    if gone:
        into = merged_into(connection, sorted(gone))
        there = _living(connection, set(into.values()))
        found |= {old: new for old, new in into.items() if new in there}
    return found


def _living(connection: Connection, ids: Collection[str]) -> set[str]:
    """Who of these is in the gallery."""
    found: set[str] = set()
    for piece in pieces(sorted(ids)):
        found.update(connection.execute(select(people.c.id).where(people.c.id.in_(piece))).scalars())
    return found

"""Sightings that were corrected and not yet told of again.

Whoever corrects a sighting adds 1 to its seq and leaves told_seq as it is; the first correction since the last event
also notes whom that event named. What is published is marked by raising told_seq to the seq that was published: a
correction that was made in between stays due, under a number of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, LargeBinary, String, Text, bindparam, case, literal, or_, select, update

from pipeline.gallery.sightings.sighting_records import Called, DueCorrection, StrangerState
from pipeline.gallery.sightings.sighting_rows import AnyRow, sighting
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.lookups import lists_of, names_of
from pipeline.gallery.storage.tables import sightings, strangers

BLIND = (
    *(column for column in sightings.c if column is not sightings.c.vector),
    literal(None, LargeBinary).label("vector"),
)
"""a row without its vector, which is by far the most of it"""

NEVER_TOLD = 0
"""told_seq of a sighting that no event told of, so that no correction does either"""

OPEN_AT_MOST = timedelta(days=1)
"""after this long a sighting that was never closed is taken for one whose run was killed"""


def due_corrections(connection: Connection, after: int, count: int) -> tuple[DueCorrection, ...]:
    """Up to `count` due corrections of sightings behind this label, in order of label.

    None of an ignored stranger, of a sighting that no event ever told of, nor of one that is still open: its run goes
    on numbering its events and recognises the person by now, or keeps it as theirs when it ends.
    """
    settled = or_(sightings.c.over, sightings.c.written_at < rows.now() - OPEN_AT_MOST)
    asked = (
        select(*BLIND)
        .join_from(sightings, strangers, sightings.c.stranger_id == strangers.c.id, isouter=True)
        .where(sightings.c.seq > sightings.c.told_seq, sightings.c.told_seq > NEVER_TOLD)
        .where(sightings.c.label > after, settled)
        .where(or_(strangers.c.id.is_(None), strangers.c.state != StrangerState.IGNORED.value))
        .order_by(sightings.c.label)
        .limit(count)
    )
    found = connection.execute(asked).all()
    ids = {row.person_id for row in found if row.person_id is not None}
    names, lists = names_of(connection, ids), lists_of(connection, ids)
    return tuple(
        DueCorrection(
            label=row.label,
            sighting=sighting(row),
            told_seq=row.told_seq,
            person=Called(row.person_id, names[row.person_id]) if row.person_id in names else None,
            previous=_previous(row),
            watchlists=lists.get(row.person_id, ()),
        )
        for row in found
    )


def mark_told(connection: Connection, published: Sequence[DueCorrection]) -> None:
    """Note that these were published, each up to its sighting's seq.

    One that was corrected again meanwhile stays due, and what was published is whom it was taken for before. One that
    a replay has written anew is left alone: its events are told already.
    """
    if not published:
        return
    again = sightings.c.seq > bindparam("until")
    marked = (
        update(sightings)
        .where(sightings.c.label == bindparam("of_label"), sightings.c.seq >= bindparam("until"))
        .where(sightings.c.told_seq < bindparam("until"))
        .values(
            told_seq=bindparam("until"),
            previous_person_id=case((again, bindparam("called_id", type_=String)), else_=None),
            previous_name=case((again, bindparam("called", type_=Text)), else_=None),
        )
    )
    connection.execute(
        marked,
        [
            {
                "of_label": due.label,
                "until": due.sighting.seq,
                "called_id": None if due.person is None else due.person.person_id,
                "called": None if due.person is None else due.person.name,
            }
            for due in published
        ],
    )


def _previous(row: AnyRow) -> Called | None:
    if row.previous_person_id is None or row.previous_person_id == row.person_id:
        return None
    return Called(row.previous_person_id, row.previous_name)

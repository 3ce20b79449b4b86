"""Finding strangers: by id, and all of them with where they were seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from sqlalchemy import Connection, func, select

from pipeline.errors import GalleryError
from pipeline.gallery.sighting_records import Stranger, StrangerFilter, StrangerState, StrangerSummary
from pipeline.gallery.sighting_rows import AnyRow
from pipeline.gallery.tables import sightings, strangers

_ID_OR_PREFIX = re.compile(r"s_[0-9a-f]{1,12}")
_SUGGESTED = 3
_LONGEST = 32
"""characters; what is longer is no mistyped id, and not compared with every one"""


def stranger(row: AnyRow) -> Stranger:
    """A row of `strangers`."""
    state = StrangerState(row.state)
    return Stranger(row.id, state, row.merged_into, row.person_id, row.created_at)


def find_stranger(connection: Connection, asked: str) -> Stranger:
    """The stranger of this id, or of the only id that begins like this; merges are followed.

    Raises GalleryError that says who may have been meant.
    """
    wanted = asked.strip().lower()
    found: Sequence[AnyRow] = ()
    if _ID_OR_PREFIX.fullmatch(wanted):
        like = select(strangers).where(strangers.c.id.startswith(wanted, autoescape=True))
        found = connection.execute(like.order_by(strangers.c.id).limit(_SUGGESTED + 1)).all()
    exact = [row for row in found if row.id == wanted]
    if not exact and len(found) > 1:
        some = ", ".join(row.id for row in found[:_SUGGESTED])
        more = ", ..." if len(found) > _SUGGESTED else ""
        raise GalleryError(f"{wanted} is the beginning of {some}{more}; write more of the id")
    if not found:
        raise GalleryError(f"no stranger has the id {asked!r}{_suggest(connection, wanted)}")
    return _followed(connection, (exact or found)[0])


def still_unknown(connection: Connection, stranger_id: str) -> Stranger:
    """The stranger of this id, merges followed. Raises GalleryError where they are gone or have a name by now."""
    found = _followed(connection, _require(connection, stranger_id))
    if found.state is StrangerState.NAMED:
        raise GalleryError(f"{found.id} has a name by now; see people show {found.person_id}")
    return found


def stranger_summary(connection: Connection, stranger_id: str) -> StrangerSummary:
    """The stranger of exactly this id and where they were seen. Raises GalleryError where there is none."""
    row = _require(connection, stranger_id)
    return _summary(stranger(row), _seen(connection, stranger_id).get(stranger_id, []))


def summaries(connection: Connection, wanted: StrangerFilter) -> tuple[StrangerSummary, ...]:
    """The strangers asked for, the one seen last first, those without a sighting at the end."""
    states = [state.value for state in wanted.states]
    asked = select(strangers).where(strangers.c.state.in_(states)).order_by(strangers.c.id)
    seen = _seen(connection)
    found = []
    for row in connection.execute(asked):
        theirs = seen.get(row.id, [])
        one = _summary(stranger(row), theirs)
        if one.sightings >= wanted.min_sightings and _is_wanted(theirs, wanted):
            found.append(one)
    return tuple(sorted(found, key=_recency, reverse=True))


def _require(connection: Connection, stranger_id: str) -> AnyRow:
    row = connection.execute(select(strangers).where(strangers.c.id == stranger_id)).one_or_none()
    if row is None:
        raise GalleryError(f"no stranger has the id {stranger_id}; 'strangers list' shows all")
    return row


def _followed(connection: Connection, row: AnyRow) -> Stranger:
    """Whom this stranger goes on as; `merge` keeps the chains one step long."""
    if row.merged_into is None:
        return stranger(row)
    return stranger(connection.execute(select(strangers).where(strangers.c.id == row.merged_into)).one())


def _suggest(connection: Connection, wanted: str) -> str:
    """Whose id may have been mistyped, for the end of a message."""
    ids = connection.execute(select(strangers.c.id).order_by(strangers.c.id)).scalars().all()
    near = get_close_matches(wanted, ids, n=_SUGGESTED, cutoff=0.85) if len(wanted) <= _LONGEST else []
    return f"; did you mean {' or '.join(near)}?" if near else "; 'strangers list' shows all"


def _seen(connection: Connection, stranger_id: str | None = None) -> dict[str, list[AnyRow]]:
    """For each stranger, or this one, a row a camera; answered by an index alone, without a look at the vectors."""
    asked = (
        select(
            sightings.c.stranger_id,
            sightings.c.camera,
            func.count().label("sightings"),
            func.min(sightings.c.first_seen_at).label("first"),
            func.max(sightings.c.seen_at).label("last"),
            func.max(sightings.c.quality).label("quality"),
        )
        .where(
            sightings.c.stranger_id.is_not(None)
            if stranger_id is None
            else sightings.c.stranger_id == stranger_id
        )
        .group_by(sightings.c.stranger_id, sightings.c.camera)
    )
    found: dict[str, list[AnyRow]] = {}
    for row in connection.execute(asked):
        found.setdefault(row.stranger_id, []).append(row)
    return found


def _is_wanted(seen: Sequence[AnyRow], wanted: StrangerFilter) -> bool:
    if wanted.camera is None and wanted.since is None:
        return True
    there = [row for row in seen if wanted.camera is None or row.camera == wanted.camera]
    return any(wanted.since is None or row.last >= wanted.since for row in there)


def _summary(one: Stranger, seen: Sequence[AnyRow]) -> StrangerSummary:
    return StrangerSummary(
        stranger=one,
        sightings=sum(row.sightings for row in seen),
        cameras=tuple(sorted(row.camera for row in seen)),
        first_seen_at=min((row.first for row in seen), default=None),
        last_seen_at=max((row.last for row in seen), default=None),
        quality=max((row.quality for row in seen), default=None),
    )


def _recency(one: StrangerSummary) -> float:
    return 0.0 if one.last_seen_at is None else one.last_seen_at.timestamp()

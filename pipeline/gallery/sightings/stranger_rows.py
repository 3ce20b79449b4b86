"""Finding strangers: by id, and all of them with where they were seen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from pipeline.errors import GalleryError
from pipeline.gallery.sightings.sighting_records import (
    Stranger,
    StrangerFilter,
    StrangerState,
    StrangerSummary,
)
from pipeline.gallery.sightings.sighting_rows import AnyRow
from pipeline.gallery.storage.tables import sightings, strangers

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
    asked = _summarised().where(strangers.c.id == stranger_id)
    row = connection.execute(asked).one_or_none()
    if row is None:
        raise _nobody(stranger_id)
    return _summary(row, _cameras(connection, sightings.c.stranger_id == stranger_id))


def summaries(connection: Connection, wanted: StrangerFilter) -> tuple[StrangerSummary, ...]:
    """The strangers asked for, the one seen last first, those without a sighting at the end."""
    asked = (
        _summarised()
        .where(strangers.c.state.in_([state.value for state in wanted.states]))
        .having(func.count(sightings.c.stranger_id) >= wanted.min_sightings)
        .order_by(func.max(sightings.c.seen_at).desc().nulls_last(), strangers.c.id)
    )
    seen = []
    if wanted.camera is not None:
        seen.append(sightings.c.camera == wanted.camera)
    if wanted.since is not None:
        seen.append(sightings.c.seen_at >= wanted.since)
    if seen:
        of_these = select(sightings.c.stranger_id).where(sightings.c.stranger_id.is_not(None), *seen)
        asked = asked.where(strangers.c.id.in_(of_these))
    cameras = _cameras(connection, sightings.c.stranger_id.is_not(None))
    return tuple(_summary(row, cameras) for row in connection.execute(asked))


def _require(connection: Connection, stranger_id: str) -> AnyRow:
    row = connection.execute(select(strangers).where(strangers.c.id == stranger_id)).one_or_none()
    if row is None:
        raise _nobody(stranger_id)
    return row


def _nobody(stranger_id: str) -> GalleryError:
    return GalleryError(f"no stranger has the id {stranger_id}; 'strangers list' shows all")


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


def _summarised() -> Select[Any]:
    """A row a stranger; their sightings are read from an index alone, without a look at the vectors."""
    return (
        select(
            strangers,
            func.count(sightings.c.stranger_id).label("sightings"),
            func.min(sightings.c.first_seen_at).label("first"),
            func.max(sightings.c.seen_at).label("last"),
            func.max(sightings.c.quality).label("quality"),
        )
        .join_from(strangers, sightings, sightings.c.stranger_id == strangers.c.id, isouter=True)
        .group_by(strangers.c.id)
    )


def _cameras(connection: Connection, which: ColumnElement[bool]) -> dict[str, list[str]]:
    """By which cameras strangers were seen."""
    asked = select(sightings.c.stranger_id, sightings.c.camera).where(which).distinct()
    found: dict[str, list[str]] = {}
    for stranger_id, camera in connection.execute(asked):
        found.setdefault(stranger_id, []).append(camera)
    return found


def _summary(row: AnyRow, cameras: Mapping[str, Sequence[str]]) -> StrangerSummary:
    return StrangerSummary(
        stranger=stranger(row),
        sightings=row.sightings,
        cameras=tuple(sorted(cameras.get(row.id, ()))),
        first_seen_at=row.first,
        last_seen_at=row.last,
        quality=row.quality,
    )

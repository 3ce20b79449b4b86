"""Somebody who is left behind was seen again, well: what the sighting looked like becomes their template.

While people are left behind a sighting of theirs is named by an older model, and its vector, which is kept with it, is
of the model that serves. A template is believed for years, so that only a sighting is taken that leaves little room
for a mistake: far below the distance for names, of several shots, and as clear as a photo must be to be enrolled. Of
cameras only: a recording that is replayed must find the gallery as it was the last time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from pipeline.gallery.comparable import Comparable, models_of, own_model
from pipeline.gallery.sightings.sighting_rows import AnyRow, pieces
from pipeline.gallery.sightings.stranger_naming import template_of
from pipeline.gallery.storage import additions
from pipeline.gallery.storage.records import NewPerson
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import sightings
from pipeline.gallery.upgrade.left_behind import left_behind

WELL_BELOW = 0.75
"""of the distance for names. By the statistics of strangers that ship, of comparisons with a stranger one in 3,000 is
below 1.0, and one in 107,000 below three quarters of it; seven of ten photos of one person are as near"""
MIN_FRAMES = 3
"""shots fused: one that is off has two against it"""
LIVE = "live"


@dataclass(frozen=True, slots=True)
class SeenAgain:
    """Somebody who is not left behind any more."""

    person_id: str
    name: str
    sighting_id: str
    """whose vector is their template now"""
    distance: float
    """squared L2 on the serving model's scale"""
    quality: float


def learn_seen_again(store: Store, comparable: Comparable, min_quality: float) -> tuple[SeenAgain, ...]:
    """Give each person who is left behind a template of their best sighting, where there is one that is good enough.

    In one transaction, so that nobody gets two; where there is nobody to give one to, which is nearly always, no writer
    waits for the look.

    Args:
        comparable: the serving model, and those it is compatible with; templates are of the first.
        min_quality: of the sighting's best shot.

    Raises StoreError, GalleryError.
    """
    with store.database.reading() as connection:
        if not _found(connection, comparable, min_quality).best:
            return ()
    with store.database.writing() as connection:
        found = _found(connection, comparable, min_quality)
        best, names = found.best, found.names
        new = [NewPerson(person_id, (template_of(row, _image(row)),)) for person_id, row in best.items()]
        if new:
            additions.add(connection, new)
    return tuple(
        SeenAgain(person_id, names[person_id], row.sighting_id, row.distance, row.quality)
        for person_id, row in best.items()
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """Who is left behind, by id, and what they were seen in."""

    names: Mapping[str, str]
    best: Mapping[str, AnyRow]
    """of some of them"""


def _found(connection: Connection, comparable: Comparable, min_quality: float) -> _Found:
    names = {one.person_id: one.name for one in left_behind(connection, models_of(comparable))}
    return _Found(names, _best_sightings(connection, sorted(names), own_model(comparable), min_quality))


def _best_sightings(
    connection: Connection, person_ids: Sequence[str], model_id: str, min_quality: float
) -> Mapping[str, AnyRow]:
    """By person their clearest sighting that is certain, the later one on a tie."""
    columns = sightings.c
    asked = (
        select(
            *(columns.person_id, columns.sighting_id, columns.distance, columns.quality, columns.model_id),
            columns.vector,
        )
        .where(columns.mode == LIVE, columns.over, columns.model_id == model_id)
        .where(columns.vector.is_not(None), columns.quality >= min_quality)
        .where(columns.frames_fused >= MIN_FRAMES, columns.distance <= WELL_BELOW * columns.threshold)
        .order_by(columns.quality, columns.label)
    )
    best: dict[str, AnyRow] = {}
    for piece in pieces(person_ids):
        for row in connection.execute(asked.where(columns.person_id.in_(piece))):
            best[row.person_id] = row
    return best


def _image(row: AnyRow) -> bytes:
    """A sighting is seen again by one model once."""
    return f"{row.sighting_id} {row.model_id}".encode()

"""No more than so many templates a person: what is added beyond that pushes out what says the least."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, delete, func, select

from pipeline.gallery.diversity import redundant
from pipeline.gallery.sightings.sighting_rows import pieces
from pipeline.gallery.storage.crops import release_crops
from pipeline.gallery.storage.history import Happened
from pipeline.gallery.storage.records import ChangeKind
from pipeline.gallery.storage.tables import templates
from pipeline.gallery.vectors import stacked


@dataclass(frozen=True, slots=True)
class Excess:
    """Somebody with more templates of a model than are kept."""

    person_id: str
    model_id: str


def drop_redundant(
    connection: Connection, person_ids: Collection[str], keep: int | None, model_id: str | None = None
) -> Mapping[str, tuple[int, ...]]:
    """Delete what `diversity.redundant` names of these people's templates, crops too, in a writing transaction.

    Args:
        keep: templates a person, of one model; None: any number.
        model_id: whose templates may be deleted; None: any model's.

    Returns:
        The labels of those deleted by person id, ascending; only of people of whom some were.
    """
    found: dict[str, tuple[int, ...]] = {}
    if keep is None:
        return found
    for one in _with_too_many(connection, person_ids, keep):
        if model_id not in (None, one.model_id):
            continue
        columns = (templates.c.label, templates.c.vector, templates.c.quality)
        theirs = (templates.c.person_id == one.person_id, templates.c.model_id == one.model_id)
        kept = connection.execute(select(*columns).where(*theirs).order_by(templates.c.label)).all()
        vectors = stacked([row.vector for row in kept])
        rows = redundant(vectors, np.array([row.quality for row in kept], np.float32), keep)
        labels = [kept[row].label for row in rows.tolist()]
        release_crops(connection, labels)
        connection.execute(delete(templates).where(templates.c.label.in_(labels)))
        found[one.person_id] = tuple(sorted((*found.get(one.person_id, ()), *labels)))
    return found


def told(dropped: Mapping[str, tuple[int, ...]]) -> list[Happened]:
    """What the history says of them."""
    return [
        Happened(ChangeKind.TEMPLATE_REMOVED, person_id, label)
        for person_id, labels in dropped.items()
        for label in labels
    ]


def _with_too_many(connection: Connection, person_ids: Collection[str], keep: int) -> list[Excess]:
    found: list[Excess] = []
    columns = (templates.c.person_id, templates.c.model_id)
    asked = select(*columns).group_by(*columns).having(func.count() > keep).order_by(*columns)
    for piece in pieces(sorted(set(person_ids))):
        of_these = connection.execute(asked.where(columns[0].in_(piece)))
        found += [Excess(row.person_id, row.model_id) for row in of_these]
    return found

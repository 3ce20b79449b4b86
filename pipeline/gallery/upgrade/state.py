"""How far a gallery is on its way from one model to another: counted, since nothing else is noted of it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from pipeline.gallery.comparable import Comparable, is_comparable, own_model
from pipeline.gallery.storage.tables import templates
from pipeline.gallery.upgrade.agreement import Compared
from pipeline.gallery.upgrade.waiting import waiting
from pipeline.gallery.vectors import stacked


@dataclass(frozen=True, slots=True)
class ModelState:
    """What the gallery has of one model."""

    model_id: str
    templates: int
    people: int
    waiting: int
    """kept faces that it has not described: what `upgrade` to it would do"""


def model_states(connection: Connection) -> tuple[ModelState, ...]:
    """Of every model with templates, in order of model_id."""
    column = templates.c.model_id
    counted = select(
        column,
        func.count(templates.c.label).label("templates"),
        func.count(templates.c.person_id.distinct()).label("people"),
    )
    found = connection.execute(counted.group_by(column).order_by(column)).all()
    return tuple(
        ModelState(row.model_id, row.templates, row.people, len(waiting(connection, row.model_id)))
        for row in found
    )


def read_compared(connection: Connection, old: Comparable, new: str) -> Compared:
    """The faces that both models have described, each once, in order of the older label. Raises StoreError.

    A face with templates of several comparable models counts by that of the embedder's own: as another of the same
    face it would find itself.
    """
    before, after = templates.alias("before"), templates.alias("after")
    same = (before.c.person_id == after.c.person_id) & (before.c.image_sha256 == after.c.image_sha256)
    asked = (
        select(
            *(before.c.person_id, before.c.image_sha256, before.c.vector.label("old")),
            after.c.vector.label("new"),
        )
        .join_from(before, after, same)
        .where(is_comparable(before.c.model_id, old), after.c.model_id == new)
        .order_by(before.c.model_id != own_model(old), before.c.label)
    )
    faces: dict[tuple[str, str], tuple[bytes, bytes]] = {}
    for row in connection.execute(asked):
        faces.setdefault((row.person_id, row.image_sha256), (row.old, row.new))
    return Compared(
        tuple(person_id for person_id, _ in faces),
        stacked([vector for vector, _ in faces.values()]),
        stacked([vector for _, vector in faces.values()]),
    )

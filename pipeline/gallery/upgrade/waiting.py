"""Which kept faces a model has not described yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, Connection, exists, func, select

from pipeline.gallery.storage import rows
from pipeline.gallery.storage.lookups import among
from pipeline.gallery.storage.records import Crop
from pipeline.gallery.storage.tables import crops, templates


@dataclass(frozen=True, slots=True)
class KeptFace:
    """A face that was kept with a template, and what else is known of that."""

    label: int
    """of the template that the crop hangs at"""
    quality: float
    """as judged on the photo"""
    source: str
    image_sha256: str
    crop: Crop = field(repr=False)


def waiting(connection: Connection, model_id: str) -> tuple[int, ...]:
    """Labels, ascending, of the templates with a crop of whose image and person there is no template of this model."""
    asked = select(crops.c.label).join_from(crops, templates).where(~_described(model_id))
    return tuple(connection.execute(asked.order_by(crops.c.label)).scalars())


def still_waiting(connection: Connection, model_id: str, labels: Sequence[int]) -> dict[str, list[int]]:
    """Those of these that are there and wait still: by whose they are now, ascending."""
    asked = select(templates.c.person_id, templates.c.label).where(~_described(model_id))
    found: dict[str, list[int]] = {}
    for row in among(connection, asked.order_by(templates.c.label), templates.c.label, labels):
        found.setdefault(row.person_id, []).append(row.label)
    return found


def count_kept(connection: Connection) -> int:
    """How many faces are kept, of all models."""
    return int(connection.execute(select(func.count()).select_from(crops)).scalar_one())


def kept_faces(connection: Connection, labels: Sequence[int]) -> tuple[KeptFace, ...]:
    """The faces that hang at those of these templates that are there, in order of label."""
    asked = select(templates, crops.c.png, crops.c.face).join_from(templates, crops)
    found = among(connection, asked.order_by(templates.c.label), templates.c.label, labels)
    return tuple(
        KeptFace(row.label, row.quality, row.source, row.image_sha256, rows.crop(row)) for row in found
    )


def _described(model_id: str) -> ColumnElement[bool]:
    of_model = templates.alias("of_model")
    return exists(
        select(of_model.c.label).where(
            of_model.c.person_id == templates.c.person_id,
            of_model.c.model_id == model_id,
            of_model.c.image_sha256 == templates.c.image_sha256,
        )
    )

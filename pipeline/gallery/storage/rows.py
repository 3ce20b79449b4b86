"""From rows of the tables to values, and back."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Integer, Row, case, func, select

from pipeline.errors import GalleryError
from pipeline.gallery.names import PERSON_ID, is_text
from pipeline.gallery.storage.records import Crop, NewTemplate, Person, Template
from pipeline.gallery.storage.tables import CHANGES, change_counter, people
from pipeline.gallery.vectors import (
    GRID_MARK,
    STORED,
    floats_from_bytes,
    floats_to_bytes,
    from_bytes,
    to_bytes,
)

AnyRow = Row[Any]


def now() -> datetime:
    """The time in UTC, in whole milliseconds."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def person(row: AnyRow) -> Person:
    """A row of `people`."""
    return Person(row.id, row.name, row.created_at, row.consent, row.retain_until)


def person_values(new: Person) -> dict[str, object]:
    """The columns of a row of `people`."""
    return {
        "id": new.id,
        "name": new.name,
        "created_at": new.created_at,
        "consent": new.consent,
        "retain_until": new.retain_until,
    }


def template(row: AnyRow) -> Template:
    """A row of `templates`."""
    return Template(
        row.label,
        row.person_id,
        row.model_id,
        from_bytes(row.vector),
        row.quality,
        row.source,
        row.image_sha256,
        row.created_at,
    )


def template_values(person_id: str, new: NewTemplate, at: datetime) -> dict[str, object]:
    """The columns of a new row of `templates`, added `at` this time."""
    return {
        "person_id": person_id,
        "model_id": new.model_id,
        "vector": to_bytes(new.vector),
        "quality": float(new.quality),
        "source": new.source,
        "image_sha256": new.image_sha256,
        "created_at": at,
    }


def crop(row: AnyRow) -> Crop:
    """A row of `crops`."""
    face = floats_from_bytes(row.face)
    return Crop(row.png, face[:4], face[4:].reshape(5, 2))


def crop_values(new: Crop) -> dict[str, object]:
    """The columns of a new row of `crops`, but its label."""
    face = np.concatenate((new.box, new.landmarks.ravel()))
    return {"png": new.png, "face": floats_to_bytes(face)}


def dimension(vector: ColumnElement[Any]) -> ColumnElement[int]:
    """How many numbers a column's vectors have: `vectors.dimension_of` in SQL, which reads no vector."""
    size = func.length(vector, type_=Integer)
    return case((size % STORED.itemsize == 0, size // STORED.itemsize), else_=size - len(GRID_MARK))


def find(connection: Connection, name_or_id: str) -> Person | None:
    """The person of exactly this name or id; a name never looks like an id, so that one call finds one.

    Nobody is called what is no text (halves of surrogate pairs, as bytes on a command line become).
    """
    name = unicodedata.normalize("NFC", name_or_id).strip()
    if not is_text(name):
        return None
    column = people.c.id if PERSON_ID.fullmatch(name) else people.c.name
    row = connection.execute(select(people).where(column == name)).one_or_none()
    return None if row is None else person(row)


def require(connection: Connection, person_id: str) -> Person:
    """The person of this id. Raises GalleryError where there is none any more."""
    row = connection.execute(select(people).where(people.c.id == person_id)).one_or_none()
    if row is None:
        raise GalleryError(f"nobody has the id {person_id}; they may have been forgotten meanwhile")
    return person(row)


def version(connection: Connection) -> int:
    """Number of the last change."""
    return int(
        connection.execute(select(change_counter.c.seq).where(change_counter.c.id == CHANGES)).scalar_one()
    )

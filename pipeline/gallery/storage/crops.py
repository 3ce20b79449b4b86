"""Kept faces: a crop stands for a person's image, whichever models have described it, and hangs at one template of it.

Crops are a gallery's largest rows, 100 to 250 kB. While two models describe the same images each is kept once.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, select, update

from pipeline.gallery.sightings.sighting_rows import pieces
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.records import Crop
from pipeline.gallery.storage.tables import crops, templates

_HOLDER = templates.alias("holder")
"""a template of the same person and image"""
_SAME_IMAGE = (_HOLDER.c.person_id == templates.c.person_id) & (
    _HOLDER.c.image_sha256 == templates.c.image_sha256
)


def crop_of(connection: Connection, label: int) -> Crop | None:
    """The face that a template was made of; None where none was kept."""
    asked = (
        select(crops)
        .select_from(templates.join(_HOLDER, _SAME_IMAGE).join(crops, crops.c.label == _HOLDER.c.label))
        .where(templates.c.label == label)
        .order_by(crops.c.label != label, crops.c.label)
        .limit(1)
    )
    row = connection.execute(asked).one_or_none()
    return None if row is None else rows.crop(row)


def release_crops(connection: Connection, labels: Collection[int]) -> None:
    """Before these templates are deleted: leave each one's crop to another template of the image, or delete it too."""
    leaving = set(labels)
    for piece in pieces(sorted(leaving)):
        for label, heir in _heirs(connection, piece, leaving).items():
            connection.execute(update(crops).where(crops.c.label == label).values(label=heir))
        connection.execute(delete(crops).where(crops.c.label.in_(piece)))


def _heirs(connection: Connection, labels: Collection[int], leaving: Collection[int]) -> dict[int, int]:
    """Of those templates with a crop the first of the same image that stays, where none that stays has one."""
    kept = crops.alias("kept")
    asked = (
        select(crops.c.label, _HOLDER.c.label.label("heir"), kept.c.label.label("has"))
        .select_from(
            crops.join(templates, templates.c.label == crops.c.label)
            .join(_HOLDER, _SAME_IMAGE)
            .join(kept, kept.c.label == _HOLDER.c.label, isouter=True)
        )
        .where(crops.c.label.in_(labels))
        .order_by(crops.c.label, _HOLDER.c.label)
    )
    heirs: dict[int, int] = {}
    provided: set[int] = set()
    for row in connection.execute(asked):
        if row.heir not in leaving and row.label not in provided:
            heirs.setdefault(row.label, row.heir)
            if row.has is not None:
                provided.add(row.label)
                del heirs[row.label]
    return _one_each(heirs)


def _one_each(heirs: dict[int, int]) -> dict[int, int]:
    """No heir gets two crops: of two of one image the first is kept."""
    taken: set[int] = set()
    found: dict[int, int] = {}
    for label, heir in heirs.items():
        if heir not in taken:
            found[label] = heir
            taken.add(heir)
    return found

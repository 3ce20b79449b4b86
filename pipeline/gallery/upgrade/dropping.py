"""Templates of a model that no longer serves are erased, unless somebody is known by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import delete, select

from pipeline.errors import GalleryError
from pipeline.gallery.storage import history
from pipeline.gallery.storage.crops import release_crops
from pipeline.gallery.storage.history import Happened
from pipeline.gallery.storage.records import ChangeKind
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import templates
from pipeline.gallery.upgrade.left_behind import left_behind

PIECE = 200
"""templates in one transaction: 30 MB of pictures that change hands"""
NAMED = 10
"""people in a message"""


def drop_model(
    store: Store, model_id: str, searched: Collection[str], on_advance: Callable[[int, int], None]
) -> int:
    """Erase all templates of a model, wherever the gallery keeps them; how many. Crops stay with other templates.

    It may be killed: the same call goes on.

    Args:
        searched: model_ids that the gallery is searched by: the serving one and those it is compatible with.
        on_advance: told after each piece how many are gone, and of how many.

    Raises GalleryError, and erases nothing, where the model serves or somebody would not be found any more; StoreError.
    """
    others = set(searched) - {model_id}
    if not others:
        raise GalleryError(f"{model_id} serves; switch to another with: upgrade --to MODEL")
    with store.database.reading() as connection:
        asked = select(templates.c.label).where(templates.c.model_id == model_id).order_by(templates.c.label)
        labels = connection.execute(asked).scalars().all()
    _check_nobody_is_lost(store, model_id, others)
    for start in range(0, len(labels), PIECE):
        piece = labels[start : start + PIECE]
        with store.database.writing() as connection:
            theirs = select(templates.c.label, templates.c.person_id).where(templates.c.label.in_(piece))
            happened = [
                Happened(ChangeKind.TEMPLATE_REMOVED, row.person_id, row.label)
                for row in connection.execute(theirs.order_by(templates.c.label))
            ]
            if happened:
                release_crops(connection, piece)
                connection.execute(delete(templates).where(templates.c.label.in_(piece)))
                history.note(connection, happened)
        store.wipe(piece)
        on_advance(min(start + PIECE, len(labels)), len(labels))
    return len(labels)


def _check_nobody_is_lost(store: Store, model_id: str, others: Collection[str]) -> None:
    with store.database.reading() as connection:
        lost = [one for one in left_behind(connection, others) if model_id in one.model_ids]
    if lost:
        names = ", ".join(one.name for one in lost[:NAMED])
        more = f" and {len(lost) - NAMED} more" if len(lost) > NAMED else ""
        raise GalleryError(
            f"{names}{more}: known by {model_id} alone, and not found without it; enroll new photos of them, or wait "
            "until they are seen again"
        )

"""Whose vectors may be compared: those of one model, and of the models that it was trained to be comparable with.

A model says so itself: `compatible_with` in config/models.yaml. What is declared holds for a pair of vectors, whichever
is the probe; but only while the model that declares it is the one that embeds.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from pipeline.errors import GalleryError
from pipeline.gallery.storage.tables import templates
from pipeline.gallery.vectors import from_bytes

Comparable = str | tuple[str, ...]
"""a model_id; or the embedder's own first, and then those that it is compatible with"""

JOINED = " + "
"""between model_ids in the name of what is kept of several; a model_id has no spaces"""


def models_of(comparable: Comparable) -> tuple[str, ...]:
    """The model_ids, the embedder's own first."""
    return (comparable,) if isinstance(comparable, str) else comparable


def own_model(comparable: Comparable) -> str:
    """The embedder's own model_id."""
    return models_of(comparable)[0]


def is_comparable(column: ColumnElement[str], comparable: Comparable) -> ColumnElement[bool]:
    """What a row's model_id must be. Of one model it is an equation, which an index answers in order of label."""
    models = models_of(comparable)
    return column == models[0] if len(models) == 1 else column.in_(models)


def is_comparable_by_label(column: ColumnElement[str], comparable: Comparable) -> ColumnElement[bool]:
    """The same for rows that are read in order of label, a piece at a time.

    An index has the rows of each model in that order, but not those of several: each piece would sort all that are
    left. So of several models the index is kept out of it, and the table is read in its own order.
    """
    one = len(models_of(comparable)) == 1
    return is_comparable(column if one else column.concat(""), comparable)


def known_by_others_alone(comparable: Comparable) -> Select[tuple[str]]:
    """Ids of people who have templates, but none of these models.

    Grouped, so that the index of one template an image answers it: rows of `templates` are mostly vector, and to look
    into a million of them takes seconds.
    """
    of_these = func.max(case((is_comparable(templates.c.model_id, comparable), 1), else_=0))
    return select(templates.c.person_id).group_by(templates.c.person_id).having(of_these == 0)


def name_of(comparable: Comparable) -> str:
    """For what is kept of all these vectors together, such as an index: another set has another name.

    >>> name_of(("v3", "v2", "v1"))
    'v3 + v1 + v2'
    """
    own, *others = models_of(comparable)
    return JOINED.join((own, *sorted(others)))


def named(name: str) -> tuple[str, ...]:
    """The model_ids of a `name_of`."""
    return tuple(name.split(JOINED))


def beside(model_id: str, comparable: Comparable) -> tuple[str, ...]:
    """What a vector of this model may be compared with: all of these where it is one of them, else its own."""
    models = models_of(comparable)
    return models if model_id in models else (model_id,)


def check_dimensions(connection: Connection, comparable: Comparable, dimension: int | None = None) -> None:
    """Raise GalleryError where templates of compatible models are of another dimension than the embedder's own.

    `dimension`: the embedder's; None: that of its templates.
    """
    models = models_of(comparable)
    if len(models) == 1:
        return
    found: dict[int, str] = {} if dimension is None else {dimension: models[0]}
    for model_id in models:
        asked = select(templates.c.vector).where(templates.c.model_id == model_id).limit(1)
        vector = connection.execute(asked).scalar()
        if vector is not None:
            found.setdefault(len(from_bytes(vector)), model_id)
    if len(found) > 1:
        ((size, one), (other_size, other), *_) = found.items()
        raise GalleryError(
            f"vectors of {one} have {size} numbers and those of {other} {other_size}: they cannot be compared; take "
            f"one out of compatible_with of {models[0]} in models.yaml, or upgrade the gallery to one model"
        )

"""Who has templates, but none that the serving embedder's faces can be compared with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from pipeline.gallery.comparable import known_by_others_alone
from pipeline.gallery.storage.tables import people, templates


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Somebody whom only older embedders know. They are found by those until they are seen again."""

    person_id: str
    name: str
    model_ids: tuple[str, ...]
    """of their templates, in order"""
    labels: tuple[int, ...]
    """of their templates, ascending"""


def left_behind(connection: Connection, model_ids: Collection[str]) -> tuple[LeftBehind, ...]:
    """People with templates but none of these models, in order of name.

    Args:
        model_ids: of the serving embedder, and of those that it is compatible with.
    """
    asked = (
        select(people.c.id, people.c.name, templates.c.model_id, templates.c.label)
        .join_from(people, templates)
        .where(people.c.id.in_(known_by_others_alone(tuple(model_ids))))
        .order_by(templates.c.label)
    )
    names: dict[str, str] = {}
    models: dict[str, set[str]] = {}
    labels: dict[str, list[int]] = {}
    for row in connection.execute(asked):
        names[row.id] = row.name
        models.setdefault(row.id, set()).add(row.model_id)
        labels.setdefault(row.id, []).append(row.label)
    found = [
        LeftBehind(id_, name, tuple(sorted(models[id_])), tuple(labels[id_])) for id_, name in names.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.name.casefold(), one.person_id)))

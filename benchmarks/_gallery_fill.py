"""A large gallery of drawn people in a database, made in minutes, and another program that writes to it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import insert, update

from benchmarks._gallery_vectors import DrawnGallery
from engines.arrays import F32
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.records import ChangeKind, NewPerson, NewTemplate
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import CHANGES, change_counter, changes, people, templates
from pipeline.gallery.vectors import to_bytes

MODEL = "bench"


def person_id(number: int) -> str:
    """Of a drawn person."""
    return f"p_{number:012x}"


def fill(store: Store, drawn: DrawnGallery) -> None:
    """Put a drawn gallery into an empty store: template k has label k + 1, and was added by change k + 1."""
    label, at = 0, rows.now()
    for block in drawn.blocks():
        labels = range(label + 1, label + 1 + len(block))
        owners = [person_id((one - 1) // drawn.each) for one in labels]
        with store.database.writing() as connection:
            everybody = [
                {"id": one, "name": f"Person {one}", "created_at": at} for one in dict.fromkeys(owners)
            ]
            connection.execute(insert(people), everybody)
            connection.execute(
                insert(templates),
                [
                    {
                        "person_id": owner,
                        "model_id": MODEL,
                        "vector": to_bytes(vector),
                        "quality": 0.8,
                        "source": "drawn",
                        "image_sha256": f"{one:064x}",
                        "created_at": at,
                    }
                    for one, owner, vector in zip(labels, owners, block, strict=True)
                ],
            )
            added = ChangeKind.TEMPLATE_ADDED.value
            connection.execute(
                insert(changes),
                [
                    {"seq": one, "kind": added, "person_id": owner, "label": one}
                    for one, owner in zip(labels, owners, strict=True)
                ],
            )
            label += len(block)
            connection.execute(update(change_counter).where(change_counter.c.id == CHANGES).values(seq=label))


def new_template(vector: F32, shot: int = 0) -> NewTemplate:
    """A template of this vector (D,)."""
    digest = hashlib.sha256(vector.tobytes() + bytes([shot])).hexdigest()
    return NewTemplate(MODEL, vector, 0.8, "drawn", digest)


class Deed(StrEnum):
    """What another program does to the gallery."""

    ENROLL = "enroll"
    RENAME = "rename"
    MERGE = "merge"
    FORGET = "forget"
    ENROLL_MANY = "enroll 1,000 at once"


@dataclass(frozen=True, slots=True)
class Order:
    """One deed. Which fields count depends on it."""

    deed: Deed
    name: str = ""
    person_id: str = ""
    into: str = ""
    vectors: tuple[F32, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """A deed that is committed."""

    at_s: float
    """time.monotonic, which all programs of a machine share"""
    person_id: str
    """whom it was about; the last of many"""
    version: int


def write_orders(data: Path, url: str | None, orders: Connection) -> None:
    """The other program: carry out orders until there is None, and answer each."""
    with Store(data, url) as store:
        deeds: dict[Deed, Callable[[Order], str]] = {
            Deed.ENROLL: lambda order: store.enroll(order.name, _templates(order.vectors)).person.id,
            Deed.RENAME: lambda order: store.rename(order.person_id, order.name).id,
            Deed.MERGE: lambda order: store.merge(order.person_id, order.into).person.id,
            Deed.FORGET: lambda order: _forget(store, order.person_id),
            Deed.ENROLL_MANY: lambda order: (
                store.enroll_many(
                    [
                        NewPerson(f"{order.name} {number}", (new_template(vector),))
                        for number, vector in enumerate(order.vectors)
                    ]
                )[-1].person.id
            ),
        }
        orders.send(Done(time.monotonic(), "", store.version()))
        while (order := orders.recv()) is not None:
            whom = deeds[order.deed](order)
            orders.send(Done(time.monotonic(), whom, store.version()))


def _forget(store: Store, person_id: str) -> str:
    store.forget(person_id)
    return person_id


def _templates(vectors: Sequence[F32]) -> list[NewTemplate]:
    return [new_template(vector) for vector in vectors]

"""The gallery as one embedder sees it, read from the database some thousand templates at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, func, select

from pipeline.arrays import F32, I64, check_array, check_rows
from pipeline.gallery.comparable import (
    Comparable,
    check_dimensions,
    is_comparable,
    is_comparable_by_label,
    known_by_others_alone,
    own_model,
)
from pipeline.gallery.storage import rows
from pipeline.gallery.storage.records import Person
from pipeline.gallery.storage.tables import people, templates
from pipeline.gallery.vectors import damaged, stacked

BLOCK_ROWS = 4096
"""templates read at once: 8 MiB of 512-D vectors, and 20 ms during which a transaction is open"""


@dataclass(frozen=True, slots=True)
class TemplateBlock:
    """Templates of comparable models."""

    labels: I64
    """(N,) ascending"""
    person_ids: tuple[str, ...]
    """(N,) whose template each is"""
    vectors: F32
    """(N, D) unit length; D is 0 where there is no template"""

    def __post_init__(self) -> None:
        check_array("labels", self.labels, np.int64, ("N",))
        check_array("vectors", self.vectors, np.float32, ("N", "D"))
        check_rows(len(self.labels), person_ids=np.array(self.person_ids, object), vectors=self.vectors)


@dataclass(frozen=True, slots=True)
class Contents:
    """All of the gallery as one embedder sees it, at one version."""

    version: int
    people: tuple[Person, ...]
    """all of them, also those without a template that is compared, in order of id"""
    labels: I64
    """(N,) ascending"""
    person_ids: tuple[str, ...]
    """(N,) whose template each is"""
    vectors: F32
    """(N, D) unit length; D is 0 where there is no template"""
    others: int
    """people whom other models alone know: their vectors cannot be compared"""

    def __post_init__(self) -> None:
        check_array("labels", self.labels, np.int64, ("N",))
        check_array("vectors", self.vectors, np.float32, ("N", "D"))
        check_rows(len(self.labels), vectors=self.vectors)

    def left_out(self, comparable: Comparable) -> str | None:
        """A line for the operator where people are known by other models alone; None where nobody is."""
        return left_out(comparable, self.others)


def left_out(comparable: Comparable, others: int) -> str | None:
    """A line for the operator where people are known by other models alone; None where nobody is."""
    if not others:
        return None
    return (
        f"people whom other models than {own_model(comparable)} alone know: {others}; upgrade --status names them, and "
        "enrolling new photos makes them known to it"
    )


def count_left_out(connection: Connection, comparable: Comparable) -> int:
    """How many people have templates, but none of these models."""
    asked = select(func.count()).select_from(known_by_others_alone(comparable).subquery())
    return int(connection.execute(asked).scalar_one())


def read_contents(connection: Connection, comparable: Comparable) -> Contents:
    """Everybody, and all templates of these models. Raises StoreError for vectors that are none, GalleryError."""
    check_dimensions(connection, comparable)
    here = count_templates(connection, comparable)
    everybody = tuple(rows.person(row) for row in connection.execute(select(people).order_by(people.c.id)))
    known = {one.id: one.id for one in everybody}
    labels = np.empty(here, np.int64)
    vectors = np.zeros((here, 0), np.float32)
    owners: list[str] = []
    for block in _blocks_within(connection, comparable):
        part = slice(len(owners), len(owners) + len(block.labels))
        if not owners:
            vectors = np.empty((here, block.vectors.shape[1]), np.float32)
        _check_width(block.vectors, vectors.shape[1])
        labels[part], vectors[part] = block.labels, block.vectors
        owners += [known[owner] for owner in block.person_ids]  # one string a person, not one a template
    return Contents(
        version=rows.version(connection),
        people=everybody,
        labels=labels,
        person_ids=tuple(owners),
        vectors=vectors if here else np.zeros((0, 0), np.float32),
        others=count_left_out(connection, comparable),
    )


def count_templates(connection: Connection, comparable: Comparable | None = None) -> int:
    """How many templates there are, of these models or all."""
    asked = select(func.count()).select_from(templates)
    if comparable is not None:
        asked = asked.where(is_comparable(templates.c.model_id, comparable))
    return int(connection.execute(asked).scalar_one())


def read_block(
    connection: Connection, comparable: Comparable, after: int, limit: int = BLOCK_ROWS
) -> TemplateBlock:
    """The next templates of these models behind this label. Raises StoreError for vectors that are none."""
    asked = (
        select(templates.c.label, templates.c.person_id, templates.c.vector)
        .where(is_comparable_by_label(templates.c.model_id, comparable), templates.c.label > after)
        .order_by(templates.c.label)
        .limit(limit)
    )
    found = connection.execute(asked).all()
    return TemplateBlock(
        np.array([row.label for row in found], np.int64),
        tuple(row.person_id for row in found),
        stacked([row.vector for row in found]),
    )


def name_blocks(connection: Connection, limit: int = BLOCK_ROWS) -> Iterator[Mapping[str, str]]:
    """Everybody's name by id, some thousand at a time."""
    after = ""
    while True:
        asked = select(people.c.id, people.c.name).where(people.c.id > after).order_by(people.c.id)
        found = connection.execute(asked.limit(limit)).all()
        if not found:
            return
        yield {row.id: row.name for row in found}
        after = found[-1].id


def _blocks_within(connection: Connection, comparable: Comparable) -> Iterator[TemplateBlock]:
    """All templates of these models in order of label, in one transaction."""
    after = -1
    while True:
        block = read_block(connection, comparable, after)
        if not len(block.labels):
            return
        yield block
        after = int(block.labels[-1])


def _check_width(vectors: F32, dimension: int) -> None:
    if vectors.shape[1] != dimension:
        raise damaged(f"vectors have {4 * dimension} and {4 * vectors.shape[1]} bytes")

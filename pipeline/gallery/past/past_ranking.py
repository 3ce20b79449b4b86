"""Past sightings as the database has them: how far they are from a face, and which were asked for.

Whatever an index says, this decides: what was erased, or is of another time than an index had it, is not answered
with, and distances are those of the stored vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import ColumnElement, Connection, func, select

from pipeline.arrays import F32, I64
from pipeline.errors import StoreError
from pipeline.gallery.comparable import Comparable, is_comparable, own_model
from pipeline.gallery.past.past_index import PastFilter
from pipeline.gallery.sightings.due_corrections import BLIND
from pipeline.gallery.sightings.sighting_records import Sighting
from pipeline.gallery.sightings.sighting_rows import AnyRow, pieces, sighting
from pipeline.gallery.storage.tables import sightings
from pipeline.gallery.vectors import squared_l2, stacked

READ_AT_ONCE = 1000
"""vectors, 2 MB of 512-D ones"""

DATED_FROM = datetime(1971, 1, 1, tzinfo=UTC)
"""recordings without a date begin in 1970: what was seen before this was seen in one"""


@dataclass(frozen=True, slots=True)
class Probe:
    """The face that is looked for."""

    vector: F32
    """(D,) unit length"""
    comparable: Comparable
    """whose sightings it may be compared with, the model of the vector first"""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Sightings and how far they are."""

    labels: I64
    """(N,) nearest first, on a tie by label"""
    distances: F32
    """(N,) squared L2"""
    gone: I64
    """(M,) labels that were asked about and have no such vector any more"""


def rank(connection: Connection, probe: Probe, asked: PastFilter, labels: I64) -> Ranked:
    """Those of these sightings (C,) that were asked for, by their distance. Raises StoreError."""
    there, near, distances = [0], [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    columns = [sightings.c.label, sightings.c.camera, sightings.c.vector]
    if asked.since is not None or asked.until is not None:
        columns += [sightings.c.first_seen_at, sightings.c.seen_at]  # to make times of texts takes longest
    for piece in pieces(labels.tolist()):
        found = connection.execute(
            select(*columns).where(sightings.c.label.in_(piece), *_searchable(probe.comparable))
        ).all()
        there += [row.label for row in found]
        wanted = [row for row in found if _lets_through(asked, row)]
        near.append(np.array([row.label for row in wanted], np.int64))
        distances.append(_distances(probe, wanted))
    gone = np.setdiff1d(labels, np.array(there, np.int64))
    return _in_order(np.concatenate(near), np.concatenate(distances), gone)


def rank_all(connection: Connection, probe: Probe, asked: PastFilter) -> Ranked:
    """All sightings that were asked for, by their distance: the plain truth, a pass over the database.

    Raises StoreError.
    """
    near, distances = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    query = select(sightings.c.label, sightings.c.vector).where(
        *_searchable(probe.comparable), *conditions(asked)
    )
    for rows in connection.execute(query.execution_options(yield_per=READ_AT_ONCE)).partitions():
        near.append(np.array([row.label for row in rows], np.int64))
        distances.append(_distances(probe, rows))
    return _in_order(np.concatenate(near), np.concatenate(distances), np.empty(0, np.int64))


def latest(connection: Connection, asked: PastFilter, count: int) -> tuple[Sighting, ...]:
    """The sightings that were asked for, the latest first, `count` at most, without their vectors."""
    query = select(*BLIND).where(*conditions(asked))
    query = query.order_by(sightings.c.seen_at.desc(), sightings.c.label.desc()).limit(count)
    return tuple(sighting(row) for row in connection.execute(query))


def conditions(asked: PastFilter) -> list[ColumnElement[bool]]:
    """What a row of `sightings` must be."""
    found: list[ColumnElement[bool]] = []
    if asked.since is not None:
        found.append(sightings.c.seen_at >= asked.since)
    if asked.until is not None:
        found.append(sightings.c.first_seen_at <= asked.until)
    if asked.cameras:
        found.append(sightings.c.camera.in_(asked.cameras))
    if asked.person_id is not None:
        found.append(sightings.c.person_id == asked.person_id)
    if asked.stranger_id is not None:
        found.append(sightings.c.stranger_id == asked.stranger_id)
    return found


def span_of_labels(connection: Connection) -> int:
    """At most so many sightings are kept: what there is between the first and the last label, read off at once."""
    first, last = _ends(connection)
    return last - first + 1


def spread_vectors(connection: Connection, comparable: Comparable, count: int) -> F32:
    """Vectors (N, D) of up to `count` sightings, from the first to the last. Raises StoreError for damaged ones."""
    first, last = _ends(connection)
    vectors: list[bytes] = []
    for piece in pieces(np.unique(np.linspace(first, last, count, dtype=np.int64)).tolist()):
        asked = select(sightings.c.vector).where(sightings.c.label.in_(piece), *_searchable(comparable))
        vectors += connection.execute(asked).scalars()
    return stacked(vectors, "sightings")


def searchable_labels(connection: Connection, comparable: Comparable, first: int, last: int) -> I64:
    """Labels (N,) from `first` to `last` that have a vector of these models."""
    asked = select(sightings.c.label).where(sightings.c.label.between(first, last), *_searchable(comparable))
    return np.array(connection.execute(asked).scalars().all(), np.int64)


def count_kept(connection: Connection) -> int:
    """All sightings, those that cannot be searched too."""
    return int(connection.execute(select(func.count()).select_from(sightings)).scalar_one())


def models_left_out(connection: Connection, comparable: Comparable) -> dict[str, int]:
    """How many sightings have a vector of each other model, by model_id; a pass over the table."""
    count = func.count(sightings.c.label)
    asked = select(sightings.c.model_id, count).where(sightings.c.vector.is_not(None))
    asked = asked.where(~is_comparable(sightings.c.model_id, comparable)).group_by(sightings.c.model_id)
    return {model_id: int(found) for model_id, found in connection.execute(asked).all()}


def count_searchable(connection: Connection, comparable: Comparable) -> int:
    """Those with a vector of these models: a pass over the table."""
    asked = select(func.count()).select_from(sightings).where(*_searchable(comparable))
    return int(connection.execute(asked).scalar_one())


def cameras_of(connection: Connection) -> tuple[str, ...]:
    """All cameras that saw anybody, in order of name."""
    asked = select(sightings.c.camera).distinct().order_by(sightings.c.camera)
    return tuple(connection.execute(asked).scalars())


def count_undated(connection: Connection, asked: PastFilter) -> int:
    """Sightings in recordings without a date which `since` alone leaves out."""
    if asked.since is None or asked.since < DATED_FROM:
        return 0
    others = PastFilter(None, None, asked.cameras, asked.person_id, asked.stranger_id)
    query = select(func.count()).select_from(sightings).where(sightings.c.seen_at < DATED_FROM)
    return int(connection.execute(query.where(*conditions(others))).scalar_one())


def _ends(connection: Connection) -> tuple[int, int]:
    """The first and the last label; 1 and 0 where there is none."""
    first = connection.execute(select(func.min(sightings.c.label))).scalar_one()
    last = connection.execute(select(func.max(sightings.c.label))).scalar_one()
    return (1, 0) if first is None else (first, last)


def _searchable(comparable: Comparable) -> tuple[ColumnElement[bool], ...]:
    return (is_comparable(sightings.c.model_id, comparable), sightings.c.vector.is_not(None))


def _lets_through(asked: PastFilter, row: AnyRow) -> bool:
    """What `conditions` says, of a row that was read."""
    return (
        (asked.since is None or row.seen_at >= asked.since)
        and (asked.until is None or row.first_seen_at <= asked.until)
        and (not asked.cameras or row.camera in asked.cameras)
    )


def _distances(probe: Probe, rows: Sequence[AnyRow]) -> F32:
    """Squared L2 (N,) to these rows. Raises StoreError for vectors of another length."""
    if not rows:
        return np.empty(0, np.float32)
    vectors = stacked([row.vector for row in rows], "sightings")
    if vectors.shape[1] != len(probe.vector):
        raise StoreError(
            f"the gallery has sightings of {vectors.shape[1]} numbers, and {own_model(probe.comparable)} has "
            f"{len(probe.vector)}; run doctor"
        )
    return squared_l2(probe.vector, vectors)


def _in_order(labels: I64, distances: F32, gone: I64) -> Ranked:
    order = np.lexsort((labels, distances))
    return Ranked(labels[order], distances[order], gone)

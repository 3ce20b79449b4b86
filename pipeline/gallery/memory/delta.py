"""What happened to the gallery since a version that a replica knows.

The history says whom and what it is about; what became of them is read from the tables, in the same transaction. So
it does not matter how often something changed, nor whether the replica had seen a part of it already.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, select

from pipeline.arrays import I64, check_array
from pipeline.errors import StoreError
from pipeline.gallery.comparable import Comparable, is_comparable
from pipeline.gallery.memory.contents import TemplateBlock
from pipeline.gallery.storage.lookups import among, lists_of, names_of
from pipeline.gallery.storage.records import ChangeKind
from pipeline.gallery.storage.tables import (
    CHANGES,
    change_counter,
    changes,
    gallery,
    templates,
    watchlists,
)
from pipeline.gallery.vectors import stacked
from pipeline.types import Watchlist

Lists = tuple[Watchlist, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """A point in the history of one gallery."""

    gallery_id: str
    version: int
    """number of the last change"""
    last: str
    """a hash of that change, empty for version 0: a gallery that was restored from a copy and changed since may have
    the same version, but not the same change"""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Whom and what the history since a version is about."""

    labels: I64
    """(N,) templates, ascending, of any model, there or gone"""
    person_ids: tuple[str, ...]
    """in order"""
    lists_changed: bool
    """a watchlist was made, renamed or deleted"""


@dataclass(frozen=True, slots=True)
class Delta:
    """What became of everybody and everything that the history since a version is about."""

    position: Position
    """after it"""
    names: Mapping[str, str]
    """by id, of the people who are there"""
    gone: tuple[str, ...]
    """ids of those who are not"""
    labels: I64
    """(N,) templates of these models that are there, ascending"""
    person_ids: tuple[str, ...]
    """(N,) whose each is"""
    removed: I64
    """templates that are not, or cannot be compared"""
    lists: Mapping[str, Lists]
    """by person; of all people in `names`, or of everybody on a list where `watchlists` says what there is now"""
    watchlists: Lists | None
    """all of them where one was made, renamed or deleted, else None"""

    def __post_init__(self) -> None:
        check_array("labels", self.labels, np.int64, ("N",))
        check_array("removed", self.removed, np.int64, ("M",))


def read_position(connection: Connection) -> Position:
    """Where the history is now: one query of three rows, cheap enough for five times a second.

    Raises StoreError where the database is no whole gallery, as while somebody reads a dump into it.
    """
    asked = (
        select(gallery.c.id, change_counter.c.seq, changes.c.kind, changes.c.person_id, changes.c.label)
        .select_from(gallery)
        .join(change_counter, change_counter.c.id == CHANGES)
        .join(changes, changes.c.seq == change_counter.c.seq, isouter=True)
    )
    row = connection.execute(asked).one_or_none()
    if row is None:
        raise StoreError("the gallery's database lacks its id or its counter; restore a backup of it")
    return Position(row.id, row.seq, _hash(row.seq, row.kind, row.person_id, row.label))


def follows(connection: Connection, now: Position, since: Position) -> bool:
    """Whether the history came from `since` to `now`, and is not another one, as after a restore."""
    if now.gallery_id != since.gallery_id or now.version < since.version:
        return False
    row = connection.execute(select(changes).where(changes.c.seq == since.version)).one_or_none()
    last = "" if row is None else _hash(row.seq, row.kind, row.person_id, row.label)
    return last == since.last


def read_mentioned(connection: Connection, since: int) -> Mentioned:
    """Whom and what the changes after this one are about."""
    asked = select(changes.c.kind, changes.c.person_id, changes.c.label).where(changes.c.seq > since)
    labels: set[int] = set()
    person_ids: set[str] = set()
    lists_changed = False
    for kind, person_id, label in connection.execute(asked):
        if label is not None:
            labels.add(label)
        if person_id:
            person_ids.add(person_id)
        lists_changed |= kind == ChangeKind.WATCHLISTS_CHANGED and not person_id
    return Mentioned(
        np.array(sorted(labels), np.int64),
        tuple(sorted(person_ids)),
        lists_changed,
    )


def read_templates(connection: Connection, comparable: Comparable, labels: I64) -> TemplateBlock:
    """Those of these templates (N,), ascending, that are there and of these models. Raises StoreError."""
    asked = select(templates.c.label, templates.c.person_id, templates.c.vector)
    asked = asked.where(is_comparable(templates.c.model_id, comparable)).order_by(templates.c.label)
    found = list(among(connection, asked, templates.c.label, labels.tolist()))
    return TemplateBlock(
        np.array([row.label for row in found], np.int64),
        tuple(row.person_id for row in found),
        stacked([row.vector for row in found]),
    )


def read_delta(connection: Connection, comparable: Comparable, now: Position, mentioned: Mentioned) -> Delta:
    """What became of all that; `now`: where the history is in this transaction."""
    of_model = select(templates.c.label, templates.c.person_id).where(
        is_comparable(templates.c.model_id, comparable)
    )
    asked = of_model.order_by(templates.c.label)
    there = list(among(connection, asked, templates.c.label, mentioned.labels.tolist()))
    labels = np.array([row.label for row in there], np.int64)
    owners = tuple(row.person_id for row in there)
    affected = sorted({*mentioned.person_ids, *owners})
    names = names_of(connection, affected)
    return Delta(
        position=now,
        names=names,
        gone=tuple(one for one in affected if one not in names),
        labels=labels,
        person_ids=owners,
        removed=np.setdiff1d(mentioned.labels, labels, assume_unique=True),
        lists=lists_of(connection, None if mentioned.lists_changed else names),
        watchlists=read_watchlists(connection) if mentioned.lists_changed else None,
    )


def read_watchlists(connection: Connection) -> Lists:
    """All watchlists, in order of name."""
    found = connection.execute(select(watchlists.c.name, watchlists.c.purpose)).all()
    return tuple(sorted((Watchlist(row.name, row.purpose) for row in found), key=lambda one: one.name))


def _hash(seq: int, kind: str | None, person_id: str | None, label: int | None) -> str:
    if kind is None:
        return ""
    return hashlib.sha256(f"{seq} {kind} {person_id} {label}".encode()).hexdigest()[:16]

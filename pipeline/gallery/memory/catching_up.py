"""From any earlier state of a replica to the gallery as it is now.

First whatever is at hand, templates of the database or a snapshot of an index, without asking whether all of it is of
one version; then everything that the history tells of since, in one transaction. So transactions stay short, nothing
is read twice, and what an answer shows is nevertheless the gallery at one version.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from pipeline.errors import StoreError
from pipeline.gallery.comparable import Comparable, check_dimensions
from pipeline.gallery.memory.contents import BLOCK_ROWS, count_left_out, left_out, name_blocks, read_block
from pipeline.gallery.memory.delta import (
    Delta,
    follows,
    read_delta,
    read_mentioned,
    read_position,
    read_templates,
    read_watchlists,
)
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.lookups import lists_of

if TYPE_CHECKING:
    from pipeline.gallery.memory.replica import Replica

logger = logging.getLogger(__name__)


def read_base(replica: Replica, database: Database, comparable: Comparable) -> None:
    """Fill an empty replica with all templates of these models, a transaction for some thousand of them.

    Raises StoreError, GalleryError.
    """
    with database.reading() as connection:
        check_dimensions(connection, comparable, replica.index.dimension)
        position = read_position(connection)
    meet_everybody(replica, database)
    after = -1
    while True:
        with database.reading() as connection:
            block = read_block(connection, comparable, after)
        if not len(block.labels):
            break
        replica.hold(block.labels, block.person_ids, block.vectors)
        after = int(block.labels[-1])
    replica.show(position)


def meet_everybody(replica: Replica, database: Database) -> None:
    """Tell an empty replica what people are called, and which watchlists they are on. Raises StoreError."""
    with database.reading() as connection:
        for names in name_blocks(connection):
            replica.meet(names)
        replica.list_everybody(read_watchlists(connection), lists_of(connection, None))


def read_since(replica: Replica, database: Database, comparable: Comparable) -> Delta | None:
    """What happened since the replica's version, its new templates held already; None for another history.

    Many new templates are fetched first, in several short transactions, and only what happened to them in one.
    Raises StoreError, GalleryError.
    """
    since = replica.view.position
    fetched = np.zeros(0, np.int64)
    while True:
        with database.reading() as connection:
            now = read_position(connection)
            if not follows(connection, now, since):
                return None
            mentioned = read_mentioned(connection, since.version)
            missing = mentioned.labels[~replica.holds(mentioned.labels)]
            missing = np.setdiff1d(missing, fetched, assume_unique=True)
            if len(missing) <= BLOCK_ROWS:
                last = read_templates(connection, comparable, missing)
                delta = read_delta(connection, comparable, now, mentioned)
                break
        for start in range(0, len(missing), BLOCK_ROWS):
            with database.reading() as connection:
                block = read_templates(connection, comparable, missing[start : start + BLOCK_ROWS])
            replica.hold(block.labels, block.person_ids, block.vectors)
        fetched = np.union1d(fetched, missing)
    replica.hold(last.labels, last.person_ids, last.vectors)
    return delta


def catch_up(replica: Replica, database: Database, comparable: Comparable) -> bool:
    """Bring a replica that nobody searches to now; False where its history is not this gallery's.

    Raises StoreError, GalleryError.
    """
    delta = read_since(replica, database, comparable)
    if delta is None:
        return False
    prepared = replica.prepare(delta)
    with replica.lock:
        replica.publish(prepared)
    replica.drop(prepared)
    return True


def read_all(replica: Replica, database: Database, comparable: Comparable) -> None:
    """Fill an empty replica with the gallery as it is now. Raises StoreError, GalleryError."""
    read_base(replica, database, comparable)
    if not catch_up(replica, database, comparable):
        raise StoreError("the gallery was replaced by another while it was read; run this again")


def say_what_is_left_out(database: Database, comparable: Comparable) -> None:
    """A line in the log where people are known by other models alone. Raises StoreError."""
    with database.reading() as connection:
        line = left_out(comparable, count_left_out(connection, comparable))
    if line is not None:
        logger.warning("%s", line)

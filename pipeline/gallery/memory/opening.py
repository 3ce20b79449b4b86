"""The gallery into memory: from a snapshot of its index where there is a good one, else from the database."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.gallery.comparable import Comparable
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.memory.catching_up import catch_up, meet_everybody, read_all, say_what_is_left_out
from pipeline.gallery.memory.contents import count_templates
from pipeline.gallery.memory.delta import read_position
from pipeline.gallery.memory.index_snapshot import IndexSnapshots, Loaded
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.memory.snapshot_files import DoubtfulSnapshotError
from pipeline.gallery.storage.database import Database

SNAPSHOT_FROM = 20_000
"""templates. Smaller galleries are built from the database in seconds: no second copy of faces lies on the disk"""


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexRecipe:
    """How the index of a gallery is made."""

    dimension: int
    make: Callable[[], Index]
    """an empty one"""
    load: Callable[[Path], Index]
    """one that was saved"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A gallery in memory, and where it came from."""

    replica: Replica
    snapshot_version: int | None
    """the version of the snapshot that it was made from; None where it was built"""


def open_replica(
    database: Database, comparable: Comparable, recipe: IndexRecipe, snapshots: IndexSnapshots | None = None
) -> Opened:
    """All templates of these models, searchable; says in the log what is left out.

    `snapshots`: where a large gallery's index may be found. Raises StoreError, GalleryError.
    """
    opened = None
    if snapshots is not None:
        with database.reading() as connection:
            count = count_templates(connection, comparable)
        if count < SNAPSHOT_FROM:
            snapshots.remove()
        else:
            opened = _from_snapshot(database, comparable, recipe, snapshots)
            if opened is None:
                logger.info("building the index of %d templates; the next start need not", count)
    if opened is None:
        opened = Opened(build_replica(database, comparable, recipe.make()), None)
    say_what_is_left_out(database, comparable)
    return opened


def build_replica(database: Database, comparable: Comparable, index: Index) -> Replica:
    """All templates of these models from the database, in an empty index. Raises StoreError, GalleryError."""
    replica = Replica(index)
    read_all(replica, database, comparable)
    return replica


def _from_snapshot(
    database: Database, comparable: Comparable, recipe: IndexRecipe, snapshots: IndexSnapshots
) -> Opened | None:
    """The newest snapshot and what happened since; None, and why in the log, where there is none to trust."""
    with database.reading() as connection:
        gallery_id = read_position(connection).gallery_id
    loaded = snapshots.load(gallery_id, recipe.dimension, recipe.load)
    if loaded is None:
        return None
    try:
        return Opened(_brought_up(database, comparable, loaded), loaded.position.version)
    except DoubtfulSnapshotError as doubt:
        snapshots.discard(loaded.folder, doubt)
        return None


def _brought_up(database: Database, comparable: Comparable, loaded: Loaded) -> Replica:
    """Raises DoubtfulSnapshotError, StoreError, GalleryError."""
    with database.reading() as connection:
        changes = read_position(connection).version - loaded.position.version
    if changes > len(loaded.labels):
        raise DoubtfulSnapshotError(
            f"it is too old: {changes} changes since, and it has {len(loaded.labels)} templates"
        )
    replica = Replica(loaded.index)
    meet_everybody(replica, database)
    replica.adopt(loaded.labels, loaded.person_ids, loaded.owners, loaded.position)
    while True:
        if not catch_up(replica, database, comparable):
            raise DoubtfulSnapshotError("the gallery is not the one that it was taken of: it was restored")
        with database.reading() as connection:
            now, count = read_position(connection), count_templates(connection, comparable)
        if now == replica.view.position:
            break
    if count != len(replica):
        raise DoubtfulSnapshotError(
            f"with the changes since it has {len(replica)} templates, the gallery {count}"
        )
    return replica

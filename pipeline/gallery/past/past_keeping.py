"""Keeps the index of past sightings on disk as the database is: what is new is appended, what is gone overwritten."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sqlalchemy import select

from pipeline.gallery.comparable import Comparable, named
from pipeline.gallery.indexes.projection import LEARNT_FROM, SAMPLE, Projection, learn_projection
from pipeline.gallery.memory.snapshot_files import MANIFEST_FILE, DoubtfulSnapshotError
from pipeline.gallery.memory.snapshot_folders import INDEX_FOLDER, PAST_KIND, explained, remove_folder
from pipeline.gallery.past.past import past_vectors
from pipeline.gallery.past.past_file import Appending, KeptPast, PastFile, index_of, rows_in, wipe_rows
from pipeline.gallery.past.past_index import GONE, PastIndex
from pipeline.gallery.past.past_manifest import PastManifest, read_past_manifest
from pipeline.gallery.past.past_ranking import READ_AT_ONCE, searchable_labels, spread_vectors
from pipeline.gallery.sightings.sighting_records import PastVectors
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.tables import gallery

LABELS_AT_ONCE = 50_000
"""looked up in one transaction when the file is compared with the database"""

MOST_GONE = 0.5
"""share of the rows that may be overwritten before the file is made anew without them"""

SAID_FROM = 50_000
"""sightings from which somebody is told that an index is being made: it takes seconds"""

logger = logging.getLogger(__name__)


def open_past(database: Database, file: PastFile | None, comparable: Comparable) -> PastIndex:
    """The index, as far as the file goes, which is brought up to the database first.

    Where it cannot be kept, an empty one, and a line in the log: the caller reads what is missing into memory. Raises
    StoreError where the database fails.
    """
    if file is not None:
        try:
            with file.alone():
                return _kept(database, file)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            logger.warning("%s: the index of past sightings is not kept there (%s)", file.folder, reason)
    return PastIndex(_learnt(database, comparable))


def read_past(database: Database, comparable: Comparable, label: int) -> Iterator[PastVectors]:
    """All sightings behind this label, a transaction a piece. Raises StoreError."""
    while True:
        with database.reading() as connection:
            found = past_vectors(connection, comparable, label, READ_AT_ONCE)
        if not len(found.labels):
            return
        yield found
        label = int(found.labels[-1])


def gallery_id_of(database: Database) -> str:
    """Restoring a backup gives another, whose labels are of other sightings. Raises StoreError."""
    with database.reading() as connection:
        return str(connection.execute(select(gallery.c.id)).scalar_one())


def wipe_past(database: Database, data: Path) -> int:
    """Overwrite everything in the kept indexes that the database does not have any more; how many sightings.

    For whoever erases sightings or their vectors, after that is committed. A file that is mostly overwritten is
    removed. Raises StoreError.
    """
    wiped = 0
    with explained(data / INDEX_FOLDER):
        for models in sorted({each.model_id for each in _manifests(data)}):
            file = PastFile(data, named(models))
            with file.alone():
                kept = file.open(gallery_id_of(database))
                if kept is not None:
                    wiped += _wipe(database, kept)
    return wiped


def _kept(database: Database, file: PastFile) -> PastIndex:
    """The file, with all that is new in it. Raises OSError, StoreError."""
    gallery_id = gallery_id_of(database)
    kept = file.open(gallery_id)
    if kept is None:
        projection = _learnt(database, file.comparable)
        if projection.dimension == len(projection.centre):
            return PastIndex(projection)  # of so few, whole vectors would be kept
        kept = file.begin(gallery_id, projection)
    try:
        kept = _extended(database, kept)
    except OSError as error:
        logger.warning("%s: new sightings are not kept there (%s)", kept.folder, error.strerror)
    return index_of(kept)


def _extended(database: Database, kept: KeptPast) -> KeptPast:
    """Append all that is new, in whole pieces: a rest is read again by the next program. Raises OSError."""
    index = index_of(kept)
    appending, told = None, False
    try:
        for found in read_past(database, named(kept.manifest.model_id), index.last):
            if len(found.labels) < READ_AT_ONCE:
                break
            if appending is None:
                appending = Appending(kept)
            appending.add(index.rows_of(found))
            if not told and appending.rows - kept.manifest.rows >= SAID_FROM:
                told = True
                logger.info(
                    "many new sightings: bringing the index of the past up to them, which takes a while"
                )
        return kept if appending is None else appending.finish(index.cameras)
    finally:
        if appending is not None:
            appending.close()


def _wipe(database: Database, kept: KeptPast) -> int:
    labels = rows_in(kept).labels
    there = labels[labels != GONE]
    models, gone = named(kept.manifest.model_id), [np.empty(0, np.int64)]
    for start in range(0, len(there), LABELS_AT_ONCE):
        some = there[start : start + LABELS_AT_ONCE]
        with database.reading() as connection:
            left = searchable_labels(connection, models, int(some[0]), int(some[-1]))
        gone.append(np.setdiff1d(some, left))
    wiped = np.concatenate(gone)
    if len(labels) - len(there) + len(wiped) > MOST_GONE * len(labels):
        remove_folder(kept.folder)
    elif len(wiped):
        wipe_rows(kept, wiped)
    return len(wiped)


def _manifests(data: Path) -> list[PastManifest]:
    """Of all kept indexes; folders without a good one are removed. Raises OSError."""
    found = []
    for path in sorted((data / INDEX_FOLDER).glob(f"{PAST_KIND}-*/[!.]*/{MANIFEST_FILE}")):
        try:
            found.append(read_past_manifest(path.parent))
        except DoubtfulSnapshotError:
            remove_folder(path.parent)
    return found


def _learnt(database: Database, comparable: Comparable) -> Projection:
    """The axes of sightings from all over the past."""
    with database.reading() as connection:
        sample = spread_vectors(connection, comparable, SAMPLE)
        if len(sample) < LEARNT_FROM:
            sample = past_vectors(connection, comparable, 0, SAMPLE).vectors
    return learn_projection(sample)

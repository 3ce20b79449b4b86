"""When a snapshot of the index is taken: where the next start would otherwise be slow."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from pipeline.errors import StoreError
from pipeline.gallery.memory.delta import read_delta, read_mentioned, read_position
from pipeline.gallery.memory.index_snapshot import IndexSnapshots
from pipeline.gallery.memory.opening import SNAPSHOT_FROM, Opened
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.memory.snapshot_folders import wipe_snapshots
from pipeline.gallery.memory.view import View
from pipeline.gallery.storage.database import Database

WORTH_TAKING = 0.02
"""of the templates; fewer changes are put into a loaded index in no time"""

logger = logging.getLogger(__name__)


class SnapshotTaking:
    """Takes snapshots of one gallery's index."""

    def __init__(self, data: Path, database: Database, snapshots: IndexSnapshots, opened: Opened) -> None:
        self._data = data
        self._database = database
        self._snapshots = snapshots
        self._taken = opened.snapshot_version

    def take(self, replica: Replica) -> None:
        """Take a snapshot where the gallery is large and much has changed; what fails is a line in the log.

        While nobody searches: writing hnswlib's graphs stops the whole program (pipeline.gallery.indexes.hnsw).
        """
        if not self._worth_it(replica):
            return
        view, self._taken = replica.view, replica.version
        try:
            self._erase_forgotten(view, self._snapshots.save(replica))
        except StoreError as error:
            logger.warning("no snapshot of the index was taken: %s", error)

    def _worth_it(self, replica: Replica) -> bool:
        if len(replica) < SNAPSHOT_FROM:
            return False
        return self._taken is None or abs(replica.version - self._taken) > WORTH_TAKING * len(replica)

    def _erase_forgotten(self, view: View, placed: Path) -> None:
        """Whoever was forgotten while the snapshot was written must not stay in it.

        `forget` commits, and then wipes the snapshots that are in place. One that came into place after that sees
        the commit here.
        """
        with self._database.reading() as connection:
            now = read_position(connection)
            if now == view.position:
                return
            mentioned = read_mentioned(connection, view.position.version)
            delta = read_delta(connection, self._snapshots.comparable, now, mentioned)
        theirs = self._snapshots.labels_of(placed, delta.gone)
        gone = np.union1d(delta.removed, np.setdiff1d(theirs, delta.labels))
        wipe_snapshots(self._data, gone)

"""When a snapshot of the index is taken, in a command that has built it and in a run that follows changes."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Thread

import numpy as np

from pipeline.errors import StoreError
from pipeline.gallery.database import Database
from pipeline.gallery.delta import read_delta, read_mentioned, read_position
from pipeline.gallery.index_snapshot import IndexSnapshots, Written
from pipeline.gallery.opening import SNAPSHOT_FROM, Opened
from pipeline.gallery.replica import Replica
from pipeline.gallery.snapshot_folders import wipe_snapshots

WORTH_TAKING = 0.02
"""of the templates. After so many changes a snapshot is taken again: each of them costs the next start a millisecond"""

logger = logging.getLogger(__name__)


class SnapshotTaking:
    """Takes a snapshot where the next start would otherwise be slow."""

    def __init__(self, data: Path, database: Database, snapshots: IndexSnapshots, opened: Opened) -> None:
        self._data = data
        self._database = database
        self._snapshots = snapshots
        self._taken = opened.snapshot_version
        self._placing: Thread | None = None

    def take(self, replica: Replica) -> None:
        """Take one if it is worth it, and wait for it. A failure is a line in the log."""
        self.take_behind(replica)
        self.close()

    def take_behind(self, replica: Replica) -> None:
        """Take one if it is worth it, for the thread that changes the replica.

        It waits for the index to be written. Checksums and the disk are waited for by another thread.
        """
        if not self._worth_it(replica) or (self._placing is not None and self._placing.is_alive()):
            return
        self._taken = replica.version
        try:
            written = self._snapshots.write(replica)
        except StoreError as error:
            logger.warning("no snapshot of the index: %s", error)
            return
        self._placing = Thread(target=self._place, args=(written,), name="snapshot")
        self._placing.start()

    def close(self) -> None:
        """Wait for the last one."""
        if self._placing is not None:
            self._placing.join()

    def _worth_it(self, replica: Replica) -> bool:
        if len(replica) < SNAPSHOT_FROM:
            return False
        return self._taken is None or abs(replica.version - self._taken) > WORTH_TAKING * len(replica)

    def _place(self, written: Written) -> None:
        try:
            placed = self._snapshots.put_in_place(written)
            self._erase_forgotten(written, placed)
        except StoreError as error:
            logger.warning("no snapshot of the index: %s", error)

    def _erase_forgotten(self, written: Written, placed: Path) -> None:
        """Whoever was forgotten while the snapshot was written must not be in it.

        `forget` commits and then erases the snapshots that are in place. One that came into place after that
        sees the commit here.
        """
        with self._database.reading() as connection:
            now = read_position(connection)
            mentioned = read_mentioned(connection, written.view.position.version)
            delta = read_delta(connection, self._snapshots.model_id, now, mentioned)
        theirs = self._snapshots.labels_of(placed, delta.gone)
        gone = np.union1d(delta.removed, np.setdiff1d(theirs, delta.labels))
        if len(gone):
            wipe_snapshots(self._data, gone)

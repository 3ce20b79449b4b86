"""One writer at a time in a folder, over all processes, and scratch space that does not outlive a crash for long."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)

LOCK = ".lock"
SCRATCH = ".scratch-"


@contextmanager
def folder_lock(folder: Path, cancelled: Callable[[], bool] | None = None) -> Iterator[None]:
    """Make the folder, wait until no other process holds it, and clear what a killed one left.

    `cancelled` ends the waiting: where signals raise nothing, nothing else would. Raises OSError where the folder
    cannot be written, filelock.Timeout (an OSError too) where the waiting was ended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.info("waiting for another process that is writing in %s", folder)
        lock.acquire(cancel_check=cancelled)
    try:
        for stale in folder.glob(f"{SCRATCH}*"):
            if stale.is_dir():
                shutil.rmtree(stale, ignore_errors=True)
            else:
                stale.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


@contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """An empty folder inside a locked one, gone afterwards; on the same disk, so that files can be renamed out."""
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=folder, ignore_cleanup_errors=True) as scratch:
        yield Path(scratch)


@contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to, gone afterwards; rename it over `path` when it is whole.

    Not one of `tempfile`'s, which only their owner may read: several users may share the models.
    """
    scratch = path.with_name(f"{SCRATCH}{uuid4().hex}")
    try:
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)

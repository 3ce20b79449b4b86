"""The index of past sightings on disk, so that a search begins at once.

DATA/index/sightings-<models>/<random>/ has the projections' axes, a row of numbers and a row of projection a sighting,
and a manifest; never a whole vector. Rows are appended; the manifest, replaced by a rename, says how many count. The
database alone is the truth: what is found here is looked up there, and files in doubt are made anew.

Checked whenever it is opened: format, gallery, model, sizes, and a CRC of every 65,536 rows and of the axes.

The folder is one of those that `snapshot_folders.remove_snapshots` removes, and `wipe_snapshots` where it is asked to:
so it goes when somebody is forgotten and when a backup is restored. That is safe at any moment: a folder is made
before the database is read, so that what is written after somebody was forgotten is written into a folder that is gone.
"""

from __future__ import annotations

import logging
import os
import secrets
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import I64
from pipeline.gallery.comparable import Comparable, name_of
from pipeline.gallery.disk import alone, sync
from pipeline.gallery.indexes.projection import Projection
from pipeline.gallery.memory.snapshot_files import DoubtfulSnapshotError
from pipeline.gallery.memory.snapshot_folders import (
    INDEX_FOLDER,
    PAST_KIND,
    make_private,
    remove_folder,
    snapshots_in,
)
from pipeline.gallery.past.past_index import GONE, PastIndex, PastRows
from pipeline.gallery.past.past_manifest import (
    PIECE_ROWS,
    PastManifest,
    read_past_manifest,
    write_past_manifest,
)

AXES_FILE, ROWS_FILE, PROJECTED_FILE = "axes.npz", "rows.bin", "projected.bin"

ROW = np.dtype(
    [("label", "<i8"), ("first_ms", "<i8"), ("last_ms", "<i8"), ("camera", "<i4"), ("half", "<f4")]
)
"""of rows.bin; projected.bin has little-endian float32"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeptPast:
    """A folder, opened."""

    folder: Path
    manifest: PastManifest
    projection: Projection


class PastFile:
    """The kept index of comparable models' sightings. Programs on the same data folder share it."""

    def __init__(self, data: Path, comparable: Comparable) -> None:
        self._models = name_of(comparable)
        name = f"{PAST_KIND}-{self._models}"
        safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
        self.folder = data / INDEX_FOLDER / safe
        self.comparable = comparable
        self._data = data

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait for other programs that write or open these files, and keep them from it. Raises OSError."""
        make_private(self._data / INDEX_FOLDER)
        make_private(self.folder)
        with alone(self.folder):
            yield

    def open(self, gallery_id: str) -> KeptPast | None:
        """The folder that is beyond doubt; others are removed, with a word in the log. None where there is none.

        To be called `alone`. Raises OSError.
        """
        found = None
        for folder in sorted(snapshots_in(self.folder)):
            try:
                if found is None and not folder.name.startswith("."):
                    found = _open(folder, gallery_id, self._models)
                    continue
            except DoubtfulSnapshotError as doubt:
                logger.warning("%s: not used, the index of past sightings is made anew: %s", folder, doubt)
            remove_folder(folder)
        return found

    def begin(self, gallery_id: str, projection: Projection) -> KeptPast:
        """A new folder without a row. To be called `alone`. Raises OSError."""
        folder = self.folder / secrets.token_hex(6)
        folder.mkdir(mode=0o700)
        for name in (ROWS_FILE, PROJECTED_FILE, AXES_FILE):
            os.close(os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        projection.save(folder / AXES_FILE)
        sync(folder / AXES_FILE)
        manifest = PastManifest(
            gallery_id=gallery_id,
            model_id=self._models,
            dimension=len(projection.centre),
            width=projection.dimension,
            rows=0,
            cameras=(),
            axes_crc=zlib.crc32((folder / AXES_FILE).read_bytes()),
            crcs=(),
        )
        write_past_manifest(folder, manifest)
        sync(self.folder)
        return KeptPast(folder, manifest, projection)


def rows_in(kept: KeptPast) -> PastRows:
    """The rows of a folder; projections are mapped, and read as they are scanned. Raises OSError, ValueError."""
    count, width = kept.manifest.rows, kept.manifest.width
    read = np.fromfile(kept.folder / ROWS_FILE, ROW, count)
    projected = _mapped(kept.folder / PROJECTED_FILE, np.dtype("<f4"), (count, width))
    return PastRows(
        labels=read["label"].astype(np.int64),
        first_ms=read["first_ms"].astype(np.int64),
        last_ms=read["last_ms"].astype(np.int64),
        cameras=read["camera"].astype(np.int32),
        halves=read["half"].astype(np.float32),
        projected=projected,
    )


class Appending:
    """Rows on their way into a folder; they count when `finish` returns. To be used `alone`."""

    def __init__(self, kept: KeptPast) -> None:
        """Open the files, and cut off what a program that was killed has left behind the rows. Raises OSError."""
        self._kept = kept
        self.rows = kept.manifest.rows
        self._crcs = [list(each) for each in kept.manifest.crcs]
        self._files: list[BinaryIO] = []
        try:
            for name, size in _sizes(kept.manifest).items():
                file = (kept.folder / name).open("r+b")
                self._files.append(file)
                file.truncate(size)
                file.seek(size)
        except BaseException:
            self.close()
            raise

    def add(self, rows: PastRows) -> None:
        """Raises OSError."""
        written = np.empty(len(rows), ROW)
        written["label"], written["half"] = rows.labels, rows.halves
        written["first_ms"], written["last_ms"] = rows.first_ms, rows.last_ms
        written["camera"] = rows.cameras
        projected = rows.projected.astype("<f4", copy=False)
        start = 0
        while start < len(rows):
            stop = min(len(rows), start + PIECE_ROWS - self.rows % PIECE_ROWS)
            if not self.rows % PIECE_ROWS:
                self._crcs.append([0, 0])
            for place, array in enumerate((written, projected)):
                part = array[start:stop].tobytes()
                self._files[place].write(part)
                self._crcs[-1][place] = zlib.crc32(part, self._crcs[-1][place])
            self.rows += stop - start
            start = stop

    def finish(self, cameras: tuple[str, ...]) -> KeptPast:
        """Make the rows count. Raises OSError."""
        for file in self._files:
            file.flush()
            os.fsync(file.fileno())
        crcs = tuple((rows, projected) for rows, projected in self._crcs)
        manifest = replace(self._kept.manifest, rows=self.rows, cameras=cameras, crcs=crcs)
        write_past_manifest(self._kept.folder, manifest)
        return replace(self._kept, manifest=manifest)

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.close()


def wipe_rows(kept: KeptPast, labels: I64) -> None:
    """Overwrite these sightings (N,) in a folder. To be called `alone`. Raises OSError."""
    Appending(kept).close()  # what is behind the last row is nobody's
    manifest = kept.manifest
    rows = np.memmap(kept.folder / ROWS_FILE, ROW, "r+", shape=(manifest.rows,))
    projected = np.memmap(kept.folder / PROJECTED_FILE, "<f4", "r+", shape=(manifest.rows, manifest.width))
    places = np.flatnonzero(np.isin(rows["label"], labels))
    projected[places] = 0.0
    projected.flush()
    rows[places] = np.zeros((), ROW)
    rows["label"][places] = GONE
    rows.flush()
    crcs = list(manifest.crcs)
    for piece in np.unique(places // PIECE_ROWS).tolist():
        crcs[piece] = (_crc(rows, piece), _crc(projected, piece))
    for name in (ROWS_FILE, PROJECTED_FILE):
        sync(kept.folder / name)
    write_past_manifest(kept.folder, replace(manifest, crcs=tuple(crcs)))


def index_of(kept: KeptPast) -> PastIndex:
    """What a folder holds, to be searched. Raises OSError."""
    index = PastIndex(kept.projection, kept.manifest.cameras)
    if kept.manifest.rows:
        index.add(rows_in(kept))
    return index


def _open(folder: Path, gallery_id: str, models: str) -> KeptPast:
    """Raises DoubtfulSnapshotError."""
    manifest = read_past_manifest(folder)
    for what, have, want in (
        ("gallery", manifest.gallery_id, gallery_id),
        ("model", manifest.model_id, models),
    ):
        if have != want:
            raise DoubtfulSnapshotError(f"it is of another {what}, {have} and not {want}")
    try:
        _check(folder, manifest)
        projection = Projection.load(folder / AXES_FILE)
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DoubtfulSnapshotError(f"its files cannot be read ({error})") from error
    if projection.axes.shape != (manifest.dimension, manifest.width):
        raise DoubtfulSnapshotError(f"{AXES_FILE} is of another width")
    return KeptPast(folder, manifest, projection)


def _check(folder: Path, manifest: PastManifest) -> None:
    """Raises DoubtfulSnapshotError, OSError."""
    if zlib.crc32((folder / AXES_FILE).read_bytes()) != manifest.axes_crc:
        raise DoubtfulSnapshotError(f"{AXES_FILE} is damaged")
    if not manifest.rows:
        return
    for name, size in _sizes(manifest).items():
        if (folder / name).stat().st_size < size:
            raise DoubtfulSnapshotError(f"{name} is cut off")
    rows = _mapped(folder / ROWS_FILE, ROW, (manifest.rows,))
    projected = _mapped(folder / PROJECTED_FILE, np.dtype("<f4"), (manifest.rows, manifest.width))

    def is_whole(piece: int) -> bool:
        return manifest.crcs[piece] == (_crc(rows, piece), _crc(projected, piece))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        damaged = [
            piece for piece, whole in enumerate(pool.map(is_whole, range(len(manifest.crcs)))) if not whole
        ]
    if damaged:
        raise DoubtfulSnapshotError(f"its rows from {PIECE_ROWS * damaged[0]} on are damaged")


def _mapped(path: Path, kind: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """A file's array, read only; also one without a row, which cannot be mapped."""
    if not shape[0]:
        return np.empty(shape, kind)
    return np.asarray(np.memmap(path, kind, "r", shape=shape))


def _crc(array: NDArray[Any], piece: int) -> int:
    rows = np.ascontiguousarray(array[piece * PIECE_ROWS : (piece + 1) * PIECE_ROWS])
    return zlib.crc32(rows.view(np.uint8).data)


def _sizes(manifest: PastManifest) -> dict[str, int]:
    """Bytes that count of each file."""
    return {ROWS_FILE: manifest.rows * ROW.itemsize, PROJECTED_FILE: manifest.rows * manifest.width * 4}

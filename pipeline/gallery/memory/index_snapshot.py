"""Snapshots of a large gallery's index on disk, so that a start need not build it again.

DATA/index/<models>-<kind>/<version>-<random>/ has the index's own files, whose templates they are, and a manifest with
everything that makes it trusted: gallery, model, kind of index, counts, the last change, checksums. It appears there
by a rename, whole or not at all. Nothing of it is believed that was not checked; in doubt it is rebuilt from the
database, which alone is the truth.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.arrays import I64
from pipeline.gallery.comparable import Comparable, name_of
from pipeline.gallery.disk import sync
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.memory.delta import Position
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.memory.snapshot_files import (
    INDEX_FILES,
    LABELS_FILE,
    OWNERS_FILE,
    PEOPLE_FILE,
    DoubtfulSnapshotError,
    Manifest,
    check_files,
    read_ids,
    read_manifest,
    read_numbers,
    secure,
    sums_below,
    write_manifest,
    write_owners,
)
from pipeline.gallery.memory.snapshot_folders import (
    INDEX_FOLDER,
    explained,
    make_private,
    new_folder,
    remove_folder,
    snapshots_in,
)

CHECKED = 16
"""templates that are looked up in a loaded index, spread over all"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a snapshot held."""

    folder: Path
    index: Index
    labels: I64
    """(N,) ascending"""
    person_ids: tuple[str, ...]
    """(M,) the people"""
    owners: I64
    """(N,) rows of `person_ids`"""
    position: Position


class IndexSnapshots:
    """The snapshots of one embedder's index of one kind. Programs on the same data folder share them."""

    def __init__(self, data: Path, comparable: Comparable, kind: str) -> None:
        """`kind`: of the index, with all that it is built with; one built otherwise is not loaded."""
        self.comparable = comparable
        self._models = name_of(comparable)
        self.kind = kind
        self._data = data
        name = f"{self._models}-{kind}"
        safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
        self.folder = data / INDEX_FOLDER / safe

    def load(self, gallery_id: str, dimension: int, load: Callable[[Path], Index]) -> Loaded | None:
        """The newest snapshot that is beyond doubt; None where there is none. Doubt is told in the log.

        `load`: makes the index from the folder of its own files.
        """
        for folder in self._newest_first():
            try:
                return self._load(folder, gallery_id, dimension, load)
            except DoubtfulSnapshotError as doubt:
                if folder.exists():  # else another program has just replaced it
                    self.discard(folder, doubt)
        return None

    def discard(self, folder: Path, doubt: DoubtfulSnapshotError) -> None:
        """Remove a snapshot that is in doubt, so that it is in nobody's way, and say why in the log."""
        logger.warning("%s: not used, the index is built again: %s", folder, doubt)
        with suppress(OSError):
            remove_folder(folder)

    def save(self, replica: Replica) -> Path:
        """Write a snapshot and put it in the place of older ones; its folder.

        For the thread that changes the replica. Raises StoreError; the older ones are there as before then.
        """
        view, index = replica.view, replica.index
        with explained(self.folder):
            make_private(self._data / INDEX_FOLDER)
            make_private(self.folder)
            with new_folder(self.folder) as folder:
                (folder / INDEX_FILES).mkdir()
                index.save(folder / INDEX_FILES)
                write_owners(folder, view.owned.labels, replica.ids, view.owned.owners)
                manifest = Manifest(
                    gallery_id=view.position.gallery_id,
                    model_id=self._models,
                    kind=self.kind,
                    dimension=index.dimension,
                    templates=len(view.owned),
                    version=view.position.version,
                    last=view.position.last,
                    files=sums_below(folder),
                )
                write_manifest(folder, manifest)
                secure(folder)
                name = f"{view.position.version:012}-{secrets.token_hex(3)}"
                placed = folder.rename(self.folder / name)
            sync(self.folder)
            self._remove_older(placed, manifest)
        logger.info("%s: a snapshot of %d templates, for a faster start", placed, len(view.owned))
        return placed

    def labels_of(self, folder: Path, person_ids: Sequence[str]) -> I64:
        """The templates (N,) of these people in a snapshot. Raises StoreError."""
        with explained(folder):
            theirs = np.flatnonzero(np.isin(read_ids(folder / PEOPLE_FILE), person_ids))
            owners = read_numbers(folder / OWNERS_FILE)
            return read_numbers(folder / LABELS_FILE)[np.isin(owners, theirs)]

    def remove(self) -> None:
        """Remove these snapshots, as those of a gallery that has become small. Raises StoreError."""
        with explained(self.folder):
            for folder in snapshots_in(self.folder):
                remove_folder(folder)

    def _load(self, folder: Path, gallery_id: str, dimension: int, load: Callable[[Path], Index]) -> Loaded:
        manifest = read_manifest(folder)
        for what, have, want in (
            ("gallery", manifest.gallery_id, gallery_id),
            ("model", manifest.model_id, self._models),
            ("kind of index", manifest.kind, self.kind),
            ("dimension", manifest.dimension, dimension),
        ):
            if have != want:
                raise DoubtfulSnapshotError(f"it is of another {what}, {have} and not {want}")
        check_files(folder, manifest.files)
        try:
            labels, owners = read_numbers(folder / LABELS_FILE), read_numbers(folder / OWNERS_FILE)
            person_ids = read_ids(folder / PEOPLE_FILE)
            index = load(folder / INDEX_FILES)
            _check(manifest, index, labels, owners, len(person_ids))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise DoubtfulSnapshotError(f"its files do not fit together ({error})") from error
        return Loaded(folder, index, labels, person_ids, owners, manifest.position)

    def _newest_first(self) -> list[Path]:
        with suppress(OSError):
            return sorted(snapshots_in(self.folder, half_made=False), reverse=True)
        return []

    def _remove_older(self, placed: Path, manifest: Manifest) -> None:
        """Remove what `placed` replaces: all but one of the same gallery that another program took later."""
        for folder in snapshots_in(self.folder):
            if folder == placed:
                continue
            with suppress(DoubtfulSnapshotError):
                other = read_manifest(folder)
                if other.gallery_id == manifest.gallery_id and other.version > manifest.version:
                    continue
            remove_folder(folder)


def _check(manifest: Manifest, index: Index, labels: I64, owners: I64, people: int) -> None:
    """Raise ValueError or KeyError unless all this is of one gallery."""
    counts = {"index": len(index), LABELS_FILE: len(labels), OWNERS_FILE: len(owners)}
    for name, count in counts.items():
        if count != manifest.templates:
            raise ValueError(f"{name} has {count} templates and not {manifest.templates}")
    if index.dimension != manifest.dimension:
        raise ValueError(f"the index has {index.dimension} dimensions and not {manifest.dimension}")
    if (np.diff(labels) <= 0).any() or labels.min(initial=0) < 0:
        raise ValueError(f"{LABELS_FILE} is not in order")
    if owners.min(initial=0) < 0 or owners.max(initial=-1) >= people:
        raise ValueError(f"{OWNERS_FILE} names people who are not in {PEOPLE_FILE}")
    index.vectors(labels[:: max(len(labels) // CHECKED, 1)])

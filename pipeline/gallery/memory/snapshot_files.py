"""The files of a snapshot: what its manifest says of them, and whether they are still what was written."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.arrays import I64
from pipeline.gallery.disk import sync
from pipeline.gallery.memory.delta import Position

FORMAT = 1
"""of manifest and files; another is not read"""
MANIFEST_FILE = "manifest.json"
INDEX_FILES = "files"
"""folder of the index's own"""
LABELS_FILE, OWNERS_FILE, PEOPLE_FILE = "labels.npy", "owners.npy", "people.npy"
"""(N,) templates, ascending; (N,) whose each is, as rows of the last; (M,) ids"""
MAX_MANIFEST = 1 << 20
"""bytes; a real one has some thousand"""
PIECE_BYTES = 64 << 20
"""hashed at once: a file of gigabytes is hashed by all cores together"""


class DoubtfulSnapshotError(Exception):
    """A snapshot that is not trusted, and why. It is rebuilt; this error never leaves the gallery's rooms."""


@dataclass(frozen=True, slots=True)
class FileSums:
    """A file as it was written."""

    size: int
    """bytes"""
    sha256: tuple[str, ...]
    """of each PIECE_BYTES of it, 64 hexadecimal digits"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot is of."""

    gallery_id: str
    model_id: str
    """of the templates; of several, all of them (comparable.name_of)"""
    kind: str
    """of the index, with what it was built with"""
    dimension: int
    templates: int
    version: int
    """of the gallery"""
    last: str
    """a hash of the change that made this version (delta.Position)"""
    files: Mapping[str, FileSums]
    """by path below the snapshot's folder"""

    @property
    def position(self) -> Position:
        """The point of the gallery's history that it was taken at."""
        return Position(self.gallery_id, self.version, self.last)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Raises OSError."""
    document = {"format": FORMAT, **asdict(manifest)}
    (folder / MANIFEST_FILE).write_text(json.dumps(document, indent=1) + "\n", "utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Raises DoubtfulSnapshotError."""
    try:
        with (folder / MANIFEST_FILE).open("rb") as file:
            raw = file.read(MAX_MANIFEST + 1)
    except OSError as error:
        raise DoubtfulSnapshotError(f"its manifest cannot be read ({error.strerror})") from error
    if len(raw) > MAX_MANIFEST:
        raise DoubtfulSnapshotError("its manifest is no manifest")
    try:
        document = json.loads(raw)
        form = document["format"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DoubtfulSnapshotError("its manifest is no manifest") from error
    if form != FORMAT:
        raise DoubtfulSnapshotError(f"it is of format {form}, and this Facestream reads {FORMAT}")
    try:
        return _manifest(document)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DoubtfulSnapshotError(f"its manifest is damaged ({error})") from error


def _manifest(document: Mapping[str, Any]) -> Manifest:
    """Raises ValueError, TypeError, KeyError, AttributeError for what is no manifest."""
    files = {
        str(name): FileSums(_count(sums["size"]), tuple(map(str, sums["sha256"])))
        for name, sums in document["files"].items()
    }
    return Manifest(
        gallery_id=str(document["gallery_id"]),
        model_id=str(document["model_id"]),
        kind=str(document["kind"]),
        dimension=_count(document["dimension"]),
        templates=_count(document["templates"]),
        version=_count(document["version"]),
        last=str(document["last"]),
        files=files,
    )


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def sums_below(folder: Path, threads: int | None = None) -> dict[str, FileSums]:
    """The checksums of all files but the manifest, by path, computed by so many threads; None: by all cores.

    Raises OSError, and ValueError for a link or anything else that is neither file nor folder.
    """
    sizes = _sizes(folder)
    pieces = [(name, start) for name, size in sizes.items() for start in range(0, size, PIECE_BYTES)]
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        hashes = list(pool.map(lambda piece: _hash(folder / piece[0], piece[1]), pieces))
    return {
        name: FileSums(size, tuple(h for (of, _), h in zip(pieces, hashes, strict=True) if of == name))
        for name, size in sizes.items()
    }


def check_files(folder: Path, files: Mapping[str, FileSums]) -> None:
    """Raise DoubtfulSnapshotError unless these files, and no others, are what was written."""
    try:
        there = _sizes(folder)
        wrong = [name for name in files if there.get(name) != files[name].size]
        extra = sorted(set(there) - set(files))
        if wrong or extra:
            raise DoubtfulSnapshotError(f"{[*wrong, *extra][0]} is not as it was written")
        damaged = [name for name, sums in sums_below(folder).items() if sums != files[name]]
    except (OSError, ValueError) as error:
        raise DoubtfulSnapshotError(f"its files cannot be read ({error})") from error
    if damaged:
        raise DoubtfulSnapshotError(f"{damaged[0]} is damaged")


def write_owners(folder: Path, labels: I64, person_ids: Sequence[str], owners: I64) -> None:
    """Templates (N,), and of which of the people (M,) each is. Raises OSError."""
    numbers, rows = np.unique(owners, return_inverse=True)
    np.save(folder / LABELS_FILE, labels)
    np.save(folder / OWNERS_FILE, rows.astype(np.int64))
    np.save(folder / PEOPLE_FILE, np.array([person_ids[number] for number in numbers.tolist()], np.bytes_))


def read_numbers(path: Path) -> I64:
    """An array of whole numbers. Raises OSError, ValueError, EOFError."""
    found = np.load(path, allow_pickle=False)
    if found.dtype != np.int64 or found.ndim != 1:
        raise ValueError(f"{path.name} is {found.dtype} {found.shape}")
    return np.asarray(found)


def read_ids(path: Path) -> tuple[str, ...]:
    """Ids of people. Raises OSError, ValueError, EOFError."""
    found = np.load(path, allow_pickle=False)
    if found.dtype.kind != "S" or found.ndim != 1:
        raise ValueError(f"{path.name} is {found.dtype} {found.shape}")
    return tuple(one.decode() for one in found.tolist())


def secure(folder: Path) -> None:
    """Make everything below readable by the owner only, and sure to be on the disk. Raises OSError."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o700 if path.is_dir() else 0o600)
        sync(path)


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file but the manifest, by path below the folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        if stat.S_ISDIR(info.st_mode):
            continue
        if not stat.S_ISREG(info.st_mode):
            raise ValueError(f"{path.name} is no file")
        name = path.relative_to(folder).as_posix()
        if name != MANIFEST_FILE:
            found[name] = info.st_size
    return found


def _hash(path: Path, start: int) -> str:
    with path.open("rb") as file:
        file.seek(start)
        return hashlib.sha256(file.read(PIECE_BYTES)).hexdigest()

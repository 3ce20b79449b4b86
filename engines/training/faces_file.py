"""Faces cut out of a set's photos, on disk, so that sets larger than memory are trained on and cut only once.

    <folder>/rows.jsonl    a line a photo, in the set's order: what was found on it
    <folder>/crops.u8      S * S * 3 bytes a photo; zeros where it cannot be read
    <folder>/vectors.f32   D numbers a photo: the serving embedder's, by which rejects and leaks are found

All three only grow. Crops and vectors are on disk before the lines that count them, so a killed run goes on behind
the last whole line. They are written as plain files and mapped into memory only to be read: a disk that is full is
then an error, and not a signal that ends the process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Self

import numpy as np

from engines.arrays import F32, U8

ROWS, CROPS, VECTORS = "rows.jsonl", "crops.u8", "vectors.f32"
VERSION = 1
"""raised when the layout changes, or the code that finds, chooses or cuts faces"""


@dataclass(frozen=True, slots=True)
class FaceRow:
    """What was found on one photo."""

    name: str
    """its place below the set's root"""
    person: str
    """the folder's name"""
    group: str
    """what lies between person and file, as the video that a frame is of; the person where nothing does"""
    problem: str = ""
    """why the photo cannot be read; empty where it can"""
    faces: int = 0
    """detected"""
    rival: float = 0.0
    """area of the largest other face over the area of the one that was cut; 0 where there is no other"""
    side_px: float = 0.0
    """shorter side of the face in the photo; 0 where none was detected"""
    quality: float = 0.0
    """in [0, 1]; 0 where none was detected"""


@dataclass(frozen=True, slots=True, eq=False)
class CutFaces:
    """One face a photo, row i everywhere the same."""

    rows: tuple[FaceRow, ...]
    crops: U8
    """(N, S, S, 3) RGB; the photo's middle where no face was detected. Mapped: rows are read when they are asked for"""
    vectors: F32
    """(N, D) unit length, or zeros where the photo cannot be read; mapped"""

    def __post_init__(self) -> None:
        if not len(self.rows) == len(self.crops) == len(self.vectors):
            raise ValueError(
                f"rows, crops and vectors must be of the same photos, got {len(self.rows)}, "
                f"{len(self.crops)} and {len(self.vectors)}"
            )

    def __len__(self) -> int:
        return len(self.rows)


class FacesWriter:
    """Adds photos to the files of a folder, behind those that are there. Raises OSError where that cannot be."""

    def __init__(self, folder: Path, side_px: int, dimension: int) -> None:
        """`dimension`: D, of the vectors."""
        self._folder, self._shape, self._dimension = folder, (side_px, side_px, 3), dimension
        self._files: tuple[IO[bytes], ...] = ()
        self.count = 0
        """photos that are there"""

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.count = _whole_rows(self._folder, self._bytes)
        self._files = tuple((self._folder / name).open("ab") for name in (CROPS, VECTORS, ROWS))
        for file, size in zip(self._files, (*self._bytes, None), strict=True):
            file.truncate(
                _end_of_line(self._folder / ROWS, self.count) if size is None else self.count * size
            )
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files:
            file.close()

    def add(self, rows: Sequence[FaceRow], crops: U8, vectors: F32) -> None:
        """Photos (n) with their crops (n, S, S, 3) and vectors (n, D), as the next ones. Raises OSError."""
        if crops.shape != (len(rows), *self._shape) or crops.dtype != np.uint8:
            raise ValueError(
                f"crops must be uint8 {(len(rows), *self._shape)}, got {crops.dtype} {crops.shape}"
            )
        if vectors.shape != (len(rows), self._dimension) or vectors.dtype != np.float32:
            raise ValueError(
                f"vectors must be float32 {(len(rows), self._dimension)}, got {vectors.dtype} {vectors.shape}"
            )
        lines = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
        for file, data in zip(self._files, (crops.tobytes(), vectors.tobytes(), lines.encode()), strict=True):
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.count += len(rows)

    @property
    def _bytes(self) -> tuple[int, int]:
        """Of a crop and of a vector."""
        return int(np.prod(self._shape)), 4 * self._dimension


def read_faces(folder: Path, side_px: int, dimension: int) -> CutFaces:
    """The photos that are there, whole or not; none where there is no such folder."""
    shape = (side_px, side_px, 3)
    count = _whole_rows(folder, (int(np.prod(shape)), 4 * dimension))
    if not count:
        return CutFaces((), np.zeros((0, *shape), np.uint8), np.zeros((0, dimension), np.float32))
    with (folder / ROWS).open(encoding="utf-8") as lines:
        rows = tuple(FaceRow(**json.loads(line)) for _, line in zip(range(count), lines, strict=False))
    return CutFaces(
        rows,
        np.memmap(folder / CROPS, np.uint8, "r", shape=(count, *shape)),
        np.memmap(folder / VECTORS, np.float32, "r", shape=(count, dimension)),
    )


def _whole_rows(folder: Path, sizes: tuple[int, int]) -> int:
    """How many photos are there whole: with a line, a crop and a vector."""
    try:
        with (folder / ROWS).open("rb") as lines:
            counted = sum(1 for _ in _whole_lines(lines))
        there = [
            (folder / name).stat().st_size // size for name, size in zip((CROPS, VECTORS), sizes, strict=True)
        ]
    except FileNotFoundError:
        return 0
    return min(counted, *there)


def _whole_lines(lines: IO[bytes]) -> Sequence[int]:
    """Where each line ends, up to the first that is not one of ours: what a crash left is written anew."""
    ends, wanted = [0], {field.name for field in fields(FaceRow)}
    for line in lines:
        try:
            value = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            value = None
        if not isinstance(value, dict) or set(value) != wanted:
            break
        ends.append(ends[-1] + len(line))
    return ends[1:]


def _end_of_line(path: Path, count: int) -> int:
    """Where line `count` ends, counted from 1."""
    if not count:
        return 0
    with path.open("rb") as lines:
        return _whole_lines(lines)[count - 1]

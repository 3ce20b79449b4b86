"""The faces of many people as the networks describe them: what every protocol is run on."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from engines.arrays import F32, I64, Bools

Texts = tuple[str, ...]
DAMAGE = (OSError, ValueError, KeyError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""what reading a damaged .npz raises; RuntimeError where it seems encrypted, or packed as nobody packs"""


@dataclass(frozen=True, slots=True)
class FaceSet:
    """One face a photo, a row each, through one detector, crop and embedder."""

    names: Texts
    """the photos' places below the set's root, each once: Ann_Lee/Ann_Lee_0003.jpg"""
    people: Texts
    """whom the photos show: the first folder of the name"""
    groups: Texts
    """what lies between person and file, as the video that a frame is of: Ann_Lee/1; the person where nothing does"""
    found: Bools
    """(N,) whether a face was detected; where not, the middle of the photo was described instead"""
    vectors: F32
    """(N, D) unit length"""
    flipped: F32
    """(N, D) of the mirrored crops; (0, D) where they were not asked for"""
    quality: F32
    """(N,) in [0, 1]; 0 where no face was detected"""
    parts: F32
    """(N, P) the quality's parts, in the order of `part_names`"""
    part_names: Texts
    boxes: F32
    """(N, 4) of the detector, x0 y0 x1 y1 in pixels of the photo; zeros where no face was detected"""

    def __post_init__(self) -> None:
        rows = len(self.names)
        for field in fields(self):
            value = getattr(self, field.name)
            free = field.name in ("flipped", "part_names")
            if not free and len(value) != rows:
                raise ValueError(f"{field.name} must have {rows} rows, one a photo, got {len(value)}")
        if len(set(self.names)) != rows:
            raise ValueError("names must be different")
        if len(self.flipped) not in (0, rows):
            raise ValueError(f"flipped must have {rows} rows or none, got {len(self.flipped)}")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def person_numbers(self) -> I64:
        """(N,) the people counted from 0, in the order of their names."""
        return np.unique(np.array(self.people), return_inverse=True)[1].astype(np.int64)

    @property
    def group_numbers(self) -> I64:
        """(N,) the groups counted from 0, in the order of their names."""
        return np.unique(np.array(self.groups), return_inverse=True)[1].astype(np.int64)

    def without(self, people: Collection[str]) -> Self:
        """The rows of everybody else."""
        return self.take([row for row, person in enumerate(self.people) if person not in people])

    def take(self, rows: I64 | Sequence[int]) -> Self:
        """These rows, in this order."""
        picked = np.asarray(rows, np.int64)
        listed = picked.tolist()
        values: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "part_names" or not len(value):
                values[field.name] = value
            else:
                values[field.name] = (
                    tuple(value[row] for row in listed) if isinstance(value, tuple) else value[picked]
                )
        return type(self)(**values)

    def write(self, path: Path) -> None:
        """Write it to an .npz file, whole or not at all. Raises OSError."""
        part = path.with_name(f".{path.stem}.{os.getpid()}.part.npz")  # two runs may write the same set
        arrays = {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}
        try:
            np.savez(part, allow_pickle=False, **arrays)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def joined(parts: Sequence[FaceSet]) -> FaceSet:
    """The rows of all parts, at least one, one after the other."""
    values: dict[str, Any] = {}
    for field in fields(FaceSet):
        first, *others = (getattr(part, field.name) for part in parts)
        if field.name == "part_names":
            values[field.name] = first
        elif isinstance(first, tuple):
            values[field.name] = sum(others, first)
        else:
            values[field.name] = np.concatenate([first, *others])
    return FaceSet(**values)


def read_face_set(path: Path) -> FaceSet | None:
    """What `write` wrote; None where there is no such file, or none that is whole."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            values: dict[str, Any] = {field.name: kept[field.name] for field in fields(FaceSet)}
        for name in ("names", "people", "groups", "part_names"):
            values[name] = tuple(values[name].tolist())
        return FaceSet(**values)
    except DAMAGE:
        return None

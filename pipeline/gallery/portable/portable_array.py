"""A numpy file inside an archive, read row by row, so that a million vectors need the memory of one."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Self

import numpy as np

from pipeline.arrays import F32
from pipeline.gallery.vectors import STORED, floats_from_bytes

MAX_HEADER_BYTES = 4096


class VectorFile:
    """Rows of a member, each asked for once and in order."""

    def __init__(self, name: str, member: IO[bytes], rows: int, dimension: int) -> None:
        self._name = name
        self._member = member
        self._rows = rows
        self._dimension = dimension
        self._next = 0

    @classmethod
    @contextmanager
    def open(cls, archive: zipfile.ZipFile, name: str, rows: int, dimension: int) -> Iterator[Self]:
        """The member of this name. Raises ValueError unless it is (rows, dimension) little-endian float32."""
        with archive.open(name) as member:
            if np.lib.format.read_magic(member) != (1, 0):
                raise ValueError(f"{name} is no numpy file of version 1.0")
            header = np.lib.format.read_array_header_1_0(member, max_header_size=MAX_HEADER_BYTES)
            if header != ((rows, dimension), False, STORED):
                raise ValueError(f"{name} must hold <f4 ({rows}, {dimension}), and holds {header}")
            yield cls(name, member, rows, dimension)

    def row(self, number: int) -> F32:
        """The vector (D,) of this row. Raises ValueError for a row out of turn."""
        if number != self._next or number >= self._rows:
            raise ValueError(f"{self._name}: row {number} comes out of turn")
        self._next += 1
        data = self._member.read(STORED.itemsize * self._dimension)
        if len(data) != STORED.itemsize * self._dimension:
            raise ValueError(f"{self._name} is cut off")
        return floats_from_bytes(data)

    def check_end(self) -> None:
        """Raise ValueError where rows were not asked for."""
        if self._next != self._rows or self._member.read(1):
            raise ValueError(f"{self._name} has rows that belong to nobody")

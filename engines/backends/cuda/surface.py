"""A picture in a GPU's memory, and the rows by which kernels are told where pictures and places in them are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

import numpy as np

from engines.arrays import I64

PLACE_COLUMNS = 9
ROW_COLUMNS = 8 + PLACE_COLUMNS
"""of a table's row: of the picture, and of the place (kernels/pixels.cuh)"""


class Layout(IntEnum):
    """How a picture's bytes lie."""

    RGB8 = 0
    """three bytes a pixel"""
    NV12 = 1
    """a plane of brightness, and one of Cb Cr pairs for each 2 x 2 pixels: what video decoders give"""


class Colour(IntEnum):
    """What NV12's numbers mean: the matrix, and whether 16 to 235 or 0 to 255 is black to white."""

    BT601_LIMITED = 0
    BT601_FULL = 1
    BT709_LIMITED = 2
    BT709_FULL = 3


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A picture in device memory, upright or with the way to turn it so."""

    pointer: int
    """of RGB8's pixels, or NV12's plane of brightness"""
    width: int
    """pixels, upright"""
    height: int
    """pixels, upright"""
    pitch_bytes: int
    """from row to row as stored; of both planes"""
    layout: Layout = Layout.RGB8
    chroma_pointer: int = 0
    """of NV12's second plane; 0 for RGB8"""
    colour: Colour = Colour.BT601_LIMITED
    """of NV12; RGB8 has none"""
    mirrored: bool = False
    """left to right as stored; undone before the turns"""
    quarter_turns: int = 0
    """clockwise, 0 to 3, that make it upright"""
    owner: Any = None
    """what keeps the memory: it is not reused while anybody holds the surface"""

    def __post_init__(self) -> None:
        stored = self.height if self.quarter_turns % 2 else self.width
        least = stored * (3 if self.layout is Layout.RGB8 else 1)
        if self.pointer <= 0 or min(self.width, self.height) <= 0 or self.pitch_bytes < least:
            raise ValueError(
                f"a surface needs an address, sides and a pitch of at least {least} bytes, got "
                f"{self.pointer:#x} {self.width}x{self.height} {self.pitch_bytes}"
            )
        if self.layout is Layout.NV12 and self.chroma_pointer <= 0:
            raise ValueError("an NV12 surface needs the address of its second plane")
        if not 0 <= self.quarter_turns <= 3:
            raise ValueError(f"quarter_turns must be 0 to 3, got {self.quarter_turns}")

    @property
    def size_bytes(self) -> int:
        """Of the pixels in memory, with the pitch."""
        rows = self.width if self.quarter_turns % 2 else self.height
        return self.pitch_bytes * (rows if self.layout is Layout.RGB8 else rows + -(-rows // 2))

    def turned(self, mirrored: bool, quarter_turns: int) -> Surface:
        """The same memory, which holds a picture that is to be mirrored, then turned, to be upright."""
        width, height = self.width, self.height
        if (quarter_turns - self.quarter_turns) % 2:
            width, height = height, width
        return replace(self, width=width, height=height, mirrored=mirrored, quarter_turns=quarter_turns)

    def row(self, place: Sequence[int] = ()) -> tuple[int, ...]:
        """A table's row: this picture, and up to nine numbers that the kernel reads as a place."""
        turn = self.quarter_turns + (4 if self.mirrored else 0)
        about = (self.pitch_bytes, int(self.layout), int(self.colour), turn)
        rest = (0,) * (PLACE_COLUMNS - len(place))
        return (self.pointer, self.chroma_pointer, self.width, self.height, *about, *place, *rest)


def table(rows: Sequence[tuple[int, ...]]) -> I64:
    """Rows of `Surface.row` as kernels read them (n, 17)."""
    return np.array(rows, np.int64).reshape(len(rows), ROW_COLUMNS)

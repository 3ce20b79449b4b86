"""Parts of a frame as patches in a small input: tiles, rectangles around them, and how rectangles share a canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np

from pipeline.arrays import Bools
from pipeline.detection.input_size import MULTIPLE_PX
from pipeline.detection.look import Patch

TILE_PX = MULTIPLE_PX
"""side of a tile, in pixels of the scaled frame"""
SIDES = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32)
"""tiles of a canvas's sides"""
WIDEST = 2
"""times as wide as high, at most"""
CANVASES = tuple(
    sorted(
        ((rows, columns) for rows in SIDES for columns in SIDES if rows <= columns <= WIDEST * rows),
        key=lambda canvas: (canvas[0] * canvas[1], canvas),
    )
)
"""(rows, columns) in tiles, smallest first. Few, because each new shape of the input costs tens of milliseconds once"""


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle of tiles."""

    row: int
    column: int
    rows: int
    columns: int

    @property
    def area(self) -> int:
        """Tiles."""
        return self.rows * self.columns

    def touches(self, other: Rect) -> bool:
        """Whether they have a tile in common."""
        return (
            self.row < other.row + other.rows
            and other.row < self.row + self.rows
            and self.column < other.column + other.columns
            and other.column < self.column + self.columns
        )

    def joined(self, other: Rect) -> Rect:
        """The rectangle around both."""
        row, column = min(self.row, other.row), min(self.column, other.column)
        below = max(self.row + self.rows, other.row + other.rows)
        right = max(self.column + self.columns, other.column + other.columns)
        return Rect(row, column, below - row, right - column)


@dataclass(frozen=True, slots=True)
class Packed:
    """Patches in a canvas."""

    patches: tuple[Patch, ...]
    canvas: tuple[int, int]
    """(height, width) pixels"""


def rectangles(tiles: Bools) -> list[Rect]:
    """Disjoint rectangles that cover all tiles (rows, columns) that are True, neighbours in one."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(tiles.astype(np.uint8), connectivity=8)
    found = [
        Rect(int(stat[1]), int(stat[0]), int(stat[3]), int(stat[2]))  # OpenCV: x, y, width, height, area
        for stat in stats[1:count]
    ]
    while (pair := _joinable(found)) is not None:
        one, other = pair
        found = [each for each in found if each not in pair] + [one.joined(other)]
    return found


def pack(rects: Sequence[Rect], max_tiles: float) -> Packed | None:
    """The rectangles in the smallest canvas of at most so many tiles; None where they do not fit."""
    order = sorted(rects, key=lambda rect: (-rect.rows, -rect.columns, rect.row, rect.column))
    needed = sum(rect.area for rect in rects)
    for rows, columns in CANVASES:
        if rows * columns > max_tiles:
            return None
        if rows * columns >= needed and (places := _on_shelves(order, rows, columns)) is not None:
            patches = tuple(
                Patch(*(TILE_PX * tiles for tiles in (rect.column, rect.row, rect.columns, rect.rows, x, y)))
                for rect, (x, y) in zip(order, places, strict=True)
            )
            return Packed(patches, (rows * TILE_PX, columns * TILE_PX))
    return None


def _joinable(rects: Sequence[Rect]) -> tuple[Rect, Rect] | None:
    """Two that overlap, or that are no larger together than apart."""
    for one, other in combinations(rects, 2):
        if one.touches(other) or one.joined(other).area <= one.area + other.area:
            return one, other
    return None


def _on_shelves(rects: Sequence[Rect], rows: int, columns: int) -> list[tuple[int, int]] | None:
    """Where (x, y) each rectangle stands, the highest first, side by side on shelves; None where they do not fit."""
    places = []
    x = y = shelf = 0
    for rect in rects:
        if x + rect.columns > columns:
            x, y, shelf = 0, y + shelf, 0
        if rect.columns > columns or y + rect.rows > rows:
            return None
        places.append((x, y))
        x, shelf = x + rect.columns, max(shelf, rect.rows)
    return places

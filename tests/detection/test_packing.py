"""Tiles, the rectangles around them, and how these share a canvas."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrays import Bools
from pipeline.detection.packing import CANVASES, TILE_PX, Packed, Rect, pack, rectangles

Tile = tuple[int, int]


def tiles_of(shape: tuple[int, int], wanted: list[Tile]) -> Bools:
    tiles = np.zeros(shape, np.bool_)
    for row, column in wanted:
        tiles[row % shape[0], column % shape[1]] = True
    return tiles


def test_neighbours_are_one_rectangle_and_others_their_own() -> None:
    tiles = tiles_of((8, 12), [(0, 0), (1, 1), (6, 10)])

    assert set(rectangles(tiles)) == {Rect(0, 0, 2, 2), Rect(6, 10, 1, 1)}


def test_rectangles_that_overlap_become_one() -> None:
    # An angle, and a tile in its bend that does not touch it.
    tiles = tiles_of((8, 8), [*((row, 0) for row in range(6)), *((5, column) for column in range(6)), (2, 3)])

    assert rectangles(tiles) == [Rect(0, 0, 6, 6)]


@given(st.lists(st.tuples(st.integers(0, 16), st.integers(0, 29)), max_size=40))
def test_rectangles_are_disjoint_and_cover_all(wanted: list[Tile]) -> None:
    tiles = tiles_of((17, 30), wanted)
    covered = np.zeros(tiles.shape, np.int64)
    for rect in rectangles(tiles):
        covered[rect.row : rect.row + rect.rows, rect.column : rect.column + rect.columns] += 1

    assert covered.max(initial=0) <= 1
    assert np.all(covered[tiles] == 1)


@given(
    st.lists(st.tuples(st.integers(0, 16), st.integers(0, 29)), min_size=1, max_size=40), st.integers(4, 600)
)
def test_patches_lie_beside_each_other_in_a_canvas_that_is_not_too_large(
    wanted: list[Tile], max_tiles: int
) -> None:
    rects = rectangles(tiles_of((17, 30), wanted))
    packed = pack(rects, max_tiles)
    if packed is None:
        return
    height, width = packed.canvas
    used = np.zeros((height // TILE_PX, width // TILE_PX), np.int64)
    for patch in packed.patches:
        top, left = patch.to_y // TILE_PX, patch.to_x // TILE_PX
        part = used[top : top + patch.height // TILE_PX, left : left + patch.width // TILE_PX]
        assert part.size == patch.width * patch.height // TILE_PX**2
        part += 1

    assert used.max() == 1
    assert used.size <= max_tiles
    assert (height // TILE_PX, width // TILE_PX) in CANVASES
    assert {(patch.x, patch.y) for patch in packed.patches} == {
        (TILE_PX * rect.column, TILE_PX * rect.row) for rect in rects
    }


def test_what_does_not_fit_is_not_packed() -> None:
    assert pack([Rect(0, 0, 4, 4), Rect(0, 6, 4, 4)], max_tiles=31) is None
    assert pack([Rect(0, 0, 4, 4), Rect(0, 6, 4, 4)], max_tiles=32) is not None
    assert pack([Rect(0, 0, 40, 1)], max_tiles=10_000) is None  # no canvas is so high


def test_nothing_takes_no_patch() -> None:
    assert pack([], max_tiles=100) == Packed((), (2 * TILE_PX, 2 * TILE_PX))


def test_no_canvas_is_much_wider_than_high() -> None:
    areas = [rows * columns for rows, columns in CANVASES]

    assert areas == sorted(areas)
    assert all(rows <= columns <= 2 * rows for rows, columns in CANVASES)

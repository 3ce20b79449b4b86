"""A table in a terminal that is too narrow for it: lines, spaces and then words give way, and figures never."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Column, Table

UNBOUNDED = 10_000
"""columns of no terminal"""

BREAKABLE = 24
"""columns that a text keeps that may be broken anywhere"""


def fitted(table: Table, console: Console) -> Table:
    """The table as it is where there is room for it; else the same one without frame, its texts in more lines.

    Rich would cut all cells alike, and write 0.14… for 0.1400. Here words are broken only where there is no room for
    all columns' longest, and figures only where there is none for those. A column made with no_wrap stays whole, and
    one made with overflow="fold", of addresses and the like, is broken anywhere down to BREAKABLE.
    """
    if _size([table], console).maximum <= console.width:
        return table
    table.box, table.show_edge, table.padding = SIMPLE_HEAD, False, (0, 0, 0, 0)
    room = console.width - (len(table.columns) - 1)
    sizes = [_size([column.header, *column.cells], console) for column in table.columns]
    widths = [size.maximum for size in sizes]
    whole = list(widths)
    for sizes_now in (sizes, [_size(_figures(column), console) for column in table.columns]):
        least = map(_least, table.columns, sizes_now, whole)
        widths = _shrunk(widths, list(least), room)
    for column, width in zip(table.columns, widths, strict=True):
        column.overflow = "fold"
        if sum(widths) <= room:
            column.width = width
    return table


def _least(column: Column, size: Measurement, whole: int) -> int:
    if column.no_wrap:
        return whole
    return min(size.minimum, BREAKABLE) if column.overflow == "fold" else size.minimum


def _shrunk(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """The widths, of which the widest gives way each time, until they have room or none is above its least."""
    found = list(widths)
    while sum(found) > room:
        spare = [width if width > limit else 0 for width, limit in zip(found, least, strict=True)]
        if not any(spare):
            break
        found[spare.index(max(spare))] -= 1
    return found


def _figures(column: Column) -> list[RenderableType]:
    return [cell for cell in column.cells if any(character.isdigit() for character in str(cell))]


def _size(cells: Iterable[RenderableType], console: Console) -> Measurement:
    """From the longest word to the longest line."""
    options = console.options.update(width=UNBOUNDED)
    found = [Measurement.get(console, options, cell) for cell in cells]
    return Measurement(
        max((each.minimum for each in found), default=1), max((each.maximum for each in found), default=1)
    )

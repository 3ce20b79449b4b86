"""Sightings as people read them: a table that grows by a row whenever one closes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from pipeline.commands.context import Context
from pipeline.events.event import EventType, IdentityEvent


@dataclass(frozen=True, slots=True)
class Sighting:
    """A sighting that is over."""

    number: int
    """of the sighting, as its boxes in an annotated video carry it"""
    camera: str
    name: str | None
    """None: nobody in the gallery"""
    from_s: float
    """first seen, seconds of the recording"""
    to_s: float
    """last seen, seconds of the recording"""
    distance: float | None
    """squared L2 to the nearest person of the gallery, whether it is them or not"""
    margin: float | None
    """how much farther the second person is"""
    nearest: str | None
    """name of the nearest person"""

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.to_s - self.from_s


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table."""

    title: str
    width: int
    right: bool = False


COLUMNS = (
    Column("#", 3, right=True),
    Column("who", 24),
    Column("when", 17),
    Column("how long", 8, right=True),
    Column("distance", 8, right=True),
    Column("margin", 6, right=True),
)
"""fixed widths, 76 columns in all: rows are printed before later ones are known"""


class SightingTable:
    """A sink that keeps the sightings that close and, unless --json is on, prints each as a row at once."""

    def __init__(self, context: Context, started_at: Mapping[str, datetime]) -> None:
        """`started_at`: for each camera the moment of second 0."""
        self.sightings: list[Sighting] = []
        self._context = context
        self._started_at = started_at

    def open(self) -> None:
        """Print the head."""
        if not self._context.json:
            self._context.print(table_head())

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Take in these events; those that close a sighting become rows."""
        for event in events:
            if event.type is EventType.END:
                self.sightings.append(sighting_of(event, self._started_at[event.camera]))
                if not self._context.json:
                    self._context.print(table_row(self.sightings[-1]))

    def close(self) -> None:
        """Nothing to release."""


def sighting_of(event: IdentityEvent, started_at: datetime) -> Sighting:
    """What an `end` says."""
    number = event.sighting_id.rpartition(":")[2]  # camera:run:number
    return Sighting(
        number=int(number),
        camera=event.camera,
        name=None if event.identity is None else event.identity.name,
        from_s=(event.first_seen_at - started_at).total_seconds(),
        to_s=(event.seen_at - started_at).total_seconds(),
        distance=event.distance,
        margin=event.margin,
        nearest=event.candidates[0].name if event.candidates else None,
    )


def table_head() -> Table:
    """The titles over a rule."""
    table = _table()
    table.add_row(*(Text(column.title, style="bold") for column in COLUMNS))
    table.add_row(*(Text("─" * column.width, style="dim") for column in COLUMNS))
    return table


def table_row(sighting: Sighting) -> Table:
    """One sighting; an unknown person's distance is that to somebody else, so it is dimmed."""
    known = sighting.name is not None
    table = _table()
    table.add_row(
        str(sighting.number),
        Text(sighting.name or "unknown", style="bold cyan" if known else "bold yellow"),
        f"{clock(sighting.from_s)} – {clock(sighting.to_s)}",
        f"{sighting.seconds:.1f} s",
        Text(_number(sighting.distance), style="" if known else "dim"),
        Text(_number(sighting.margin), style="" if known else "dim"),
    )
    return table


def clock(seconds: float) -> str:
    """Minutes, seconds and tenths.

    >>> clock(63.25)
    '1:03.2'
    """
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"


def _table() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    for column in COLUMNS:
        table.add_column(
            width=column.width, justify="right" if column.right else "left", no_wrap=True, overflow="ellipsis"
        )
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"

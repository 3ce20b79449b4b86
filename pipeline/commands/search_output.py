"""Past sightings that were found, as lines of JSON, and as a table for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.report import visible
from pipeline.commands.strangers_output import picture_there, sighting_document

if TYPE_CHECKING:
    from pipeline.gallery.past.past_search import PastMatch
    from pipeline.gallery.sightings.sighting_records import Sighting


@dataclass(frozen=True, slots=True)
class Shown:
    """A past sighting on its way to the user."""

    sighting: Sighting
    name: str | None
    """of its person"""
    distance: float | None = None
    """squared L2 to the face that is looked for; None where none is"""
    threshold: float | None = None
    """squared L2; the same person below it. None where it is not known"""

    @property
    def same(self) -> bool | None:
        """Whether it is the same person; None where that is not known."""
        return None if self.distance is None or self.threshold is None else self.distance < self.threshold


def ranked(matches: Sequence[PastMatch], threshold: float | None) -> list[Shown]:
    """What a search found."""
    return [Shown(one.sighting, one.name, one.distance, threshold) for one in matches]


def listed(found: Sequence[Sighting], names: Mapping[str, str]) -> list[Shown]:
    """What was asked for without a face; `names` by the people's ids."""
    return [Shown(one, names.get(one.person_id or "")) for one in found]


def print_found(context: Context, found: Sequence[Shown]) -> None:
    """A line of JSON a sighting, or a table."""
    from rich.table import Table
    from rich.text import Text

    if context.json:
        for rank, one in enumerate(found, 1):
            context.print_json(document(rank, one, context.data))
        return
    if not found:
        return
    doubts = any(one.same is False for one in found)
    table = Table("", "distance", *(["same"] if doubts else []), "who", "camera", "seen", "for")
    for rank, one in enumerate(found, 1):
        seen = one.sighting
        table.add_row(
            str(rank),
            "–" if one.distance is None else f"{one.distance:.2f}",
            *(["yes" if one.same else "–"] if doubts else []),
            Text(visible(one.name or seen.stranger_id or "–")),
            Text(visible(seen.camera)),
            _second(seen.first_seen_at),
            f"{(seen.seen_at - seen.first_seen_at).total_seconds():.1f} s",
        )
    context.print(table)
    for rank, one in enumerate(found, 1):
        if (snapshot := picture_there(one.sighting, context.data)) is not None:
            context.print(Text(visible(f"{rank}: {context.data / snapshot}")))


def document(rank: int, one: Shown, data: Path) -> Mapping[str, object]:
    """The keys of a line."""
    seen, distance = sighting_document(one.sighting, data), one.distance
    person_id = one.sighting.person_id
    return {
        "rank": rank,
        "sighting_id": seen["sighting_id"],
        "camera": seen["camera"],
        "identity": None if person_id is None else {"id": person_id, "name": one.name},
        "stranger_id": one.sighting.stranger_id,
        "distance": None if distance is None else round(distance, 4),
        "similarity": None if distance is None else round(1.0 - distance / 2.0, 4),
        "threshold": one.threshold,
        "same": one.same,
        **{
            key: seen[key]
            for key in ("first_seen_at", "seen_at", "mode", "quality", "box", "frame", "snapshot")
        },
    }


def _second(at: datetime) -> str:
    """A time for people, in their own zone."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")

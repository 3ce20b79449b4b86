"""Strangers and their sightings as lines of JSON, and as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.people import day, utc
from pipeline.commands.report import visible

if TYPE_CHECKING:
    from pipeline.gallery.sightings.sighting_records import NamedStranger, Sighting, StrangerSummary
    from pipeline.gallery.storage.records import Person


def print_strangers(context: Context, found: Sequence[StrangerSummary]) -> None:
    """A line of JSON a stranger, or a table."""
    from rich.table import Table
    from rich.text import Text

    if context.json:
        for one in found:
            context.print_json(stranger_document(one))
        return
    table = Table("stranger", "state", "seen", "last time", "quality", "cameras")
    for one in found:
        table.add_row(
            one.stranger.id,
            one.stranger.state.value,
            str(one.sightings),
            "–" if one.last_seen_at is None else day(one.last_seen_at),
            "–" if one.quality is None else f"{one.quality:.2f}",
            Text(visible(", ".join(one.cameras))),
        )
    context.print(table if found else "no such stranger was seen")


def print_sightings(
    context: Context, found: StrangerSummary, person: Person | None, latest: Sequence[Sighting]
) -> None:
    """One stranger with their latest sightings, as one line of JSON or as a table."""
    from rich.table import Table
    from rich.text import Text

    if context.json:
        whom = None if person is None else {"id": person.id, "name": person.name}
        shown = [sighting_document(one, context.data) for one in latest]
        context.print_json({**stranger_document(found), "person": whom, "latest": shown})
        return
    one = found.stranger
    if person is not None:
        context.print(f"{one.id}: {person.name} ({person.id}), whose sightings these are now")
        return
    context.print(f"{one.id}, {one.state.value}, since {day(one.created_at)}: sightings: {found.sightings}")
    table = Table("seen", "for", "quality", "camera", "sighting", "snapshot")
    for each in latest:
        seconds = (each.seen_at - each.first_seen_at).total_seconds()
        snapshot = picture_there(each, context.data) or "–"
        texts = (Text(visible(text)) for text in (each.camera, each.sighting_id, snapshot))
        table.add_row(day(each.first_seen_at), f"{seconds:.1f} s", f"{each.quality:.2f}", *texts)
    if latest:
        context.print(table)
    if len(latest) < found.sightings:
        context.print(f"and {found.sightings - len(latest)} earlier ones; see --count")


def stranger_document(one: StrangerSummary) -> Mapping[str, object]:
    """The keys of a stranger's line."""
    return {
        "id": one.stranger.id,
        "state": one.stranger.state.value,
        "merged_into": one.stranger.merged_into,
        "person_id": one.stranger.person_id,
        "sightings": one.sightings,
        "cameras": list(one.cameras),
        "first_seen_at": None if one.first_seen_at is None else utc(one.first_seen_at),
        "last_seen_at": None if one.last_seen_at is None else utc(one.last_seen_at),
        "quality": None if one.quality is None else round(one.quality, 4),
    }


def picture_there(one: Sighting, data: Path) -> str | None:
    """Where a sighting's picture is below the data folder; None where there is none, or it is gone by now."""
    from pipeline.gallery.keeping.snapshots import is_taken

    return one.snapshot if is_taken(data, one.snapshot) else None


def sighting_document(one: Sighting, data: Path) -> Mapping[str, object]:
    """The keys of a sighting."""
    return {
        "sighting_id": one.sighting_id,
        "camera": one.camera,
        "mode": one.mode,
        "first_seen_at": utc(one.first_seen_at),
        "seen_at": utc(one.seen_at),
        "quality": round(one.quality, 4),
        "box": [round(side, 4) for side in one.box],
        "frame": {
            "index": one.frame_index,
            "pts_s": round(one.pts_s, 4),
            "width": one.width,
            "height": one.height,
        },
        "snapshot": picture_there(one, data),
    }


def named_document(named: NamedStranger) -> Mapping[str, object]:
    """The keys of a naming's line."""
    return {
        "id": named.stranger_id,
        "person": {"id": named.person.id, "name": named.person.name},
        "new": named.is_new,
        "templates": named.templates,
        "sightings": named.sightings,
        "distance": None if named.distance is None else round(named.distance, 4),
    }

"""From rows of `sightings` to values, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Row

from pipeline.gallery.sightings.sighting_records import Sighting
from pipeline.gallery.vectors import from_bytes, to_bytes

AnyRow = Row[*tuple[Any, ...]]

IN_ONE_STATEMENT = 500
"""values listed in a statement: databases limit their number, SQLite of old to 999"""

Item = TypeVar("Item")


def pieces(items: Iterable[Item], size: int = IN_ONE_STATEMENT) -> Iterator[list[Item]]:
    """The items in lists of at most this size."""
    left = iter(items)
    while piece := list(islice(left, size)):
        yield piece


def sighting_values(one: Sighting, told_seq: int, written_at: datetime) -> dict[str, object]:
    """The columns of a row of `sightings`, but its label and what waits to be corrected."""
    x0, y0, x1, y1 = (float(side) for side in one.box)
    nearest, second, *_ = (*one.nearest, None, None)
    return {
        "sighting_id": one.sighting_id,
        "camera": one.camera,
        "run": one.run,
        "mode": one.mode,
        "seq": one.seq,
        "told_seq": told_seq,
        "person_id": one.person_id,
        "stranger_id": one.stranger_id,
        "previous_person_id": None,
        "previous_name": None,
        "distance": None if one.distance is None else float(one.distance),
        "threshold": float(one.threshold),
        "frames_fused": int(one.frames_fused),
        "quality": float(one.quality),
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "frame_index": int(one.frame_index),
        "pts_s": float(one.pts_s),
        "width": int(one.width),
        "height": int(one.height),
        "first_seen_at": one.first_seen_at,
        "seen_at": one.seen_at,
        "detector": one.detector,
        "model_id": one.model_id,
        "gallery_version": int(one.gallery_version),
        "snapshot": one.snapshot,
        "vector": None if one.vector is None else to_bytes(one.vector),
        "stands": one.stands,
        "over": one.over,
        "written_at": written_at,
        "explanation": one.explanation,
        "nearest_person_id": nearest,
        "second_person_id": second,
    }


def sighting(row: AnyRow) -> Sighting:
    """A row of `sightings`."""
    return Sighting(
        sighting_id=row.sighting_id,
        camera=row.camera,
        run=row.run,
        mode=row.mode,
        seq=row.seq,
        person_id=row.person_id,
        stranger_id=row.stranger_id,
        distance=row.distance,
        threshold=row.threshold,
        frames_fused=row.frames_fused,
        quality=row.quality,
        box=(row.x0, row.y0, row.x1, row.y1),
        frame_index=row.frame_index,
        pts_s=row.pts_s,
        width=row.width,
        height=row.height,
        first_seen_at=row.first_seen_at,
        seen_at=row.seen_at,
        detector=row.detector,
        model_id=row.model_id,
        gallery_version=row.gallery_version,
        snapshot=row.snapshot,
        vector=None if row.vector is None else from_bytes(row.vector),
        stands=row.stands,
        over=row.over,
        explanation=row.explanation,
        nearest=_without_end(row.nearest_person_id, row.second_person_id),
    )


def _without_end(nearest: str | None, second: str | None) -> tuple[str | None, ...]:
    """The ids up to the last that there is."""
    if second is not None:
        return (nearest, second)
    return () if nearest is None else (nearest,)

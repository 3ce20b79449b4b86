"""A large past of drawn people in a database, made in minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import insert

from benchmarks._gallery_vectors import DrawnGallery
from engines.arrays import F32, I64
from pipeline.gallery.sightings.sighting_records import Sighting, StrangerState
from pipeline.gallery.sightings.sighting_rows import sighting_values
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import sightings, strangers

MODEL = "bench"
CAMERAS = 8
DAYS = 90
"""that the sightings are spread over evenly: what is kept where nobody says otherwise"""
BEGUN = datetime(2026, 8, 1, tzinfo=UTC)


def fill_past(store: Store, drawn: DrawnGallery) -> None:
    """Put all drawn vectors into an empty store as sightings of strangers, those of some thousand people mixed."""
    label = 0
    for number, block in enumerate(drawn.blocks()):
        order = mixed(drawn, number, len(block))
        owners = [stranger_id((label + row) // drawn.each) for row in order.tolist()]
        ids = [
            {"id": one, "state": StrangerState.OPEN.value, "created_at": BEGUN} for one in sorted(set(owners))
        ]
        found = [
            drawn_sighting(label + place + 1, owner, vector, len(drawn))
            for place, (owner, vector) in enumerate(zip(owners, block[order], strict=True))
        ]
        with store.database.writing() as connection:
            connection.execute(insert(strangers), ids)
            connection.execute(
                insert(sightings), [sighting_values(one, one.seq, one.seen_at) for one in found]
            )
        label += len(block)


def mixed(drawn: DrawnGallery, number: int, count: int) -> I64:
    """In which order the rows (count,) of a block of drawn vectors were seen."""
    return np.random.default_rng((drawn.seed, number)).permutation(count)


def add_more(store: Store, drawn: DrawnGallery, count: int) -> None:
    """Put so many more sightings behind the others, of people who were never seen."""
    vectors = drawn.non_mated(count)
    numbers = range(len(drawn) + 1, len(drawn) + 1 + count)
    new = [
        drawn_sighting(number, stranger_id(number), vector, len(drawn))
        for number, vector in zip(numbers, vectors, strict=True)
    ]
    Sightings(store.database).write(new)


def stranger_id(person: int) -> str:
    """Of a drawn person."""
    return f"s_{person:012x}"


def drawn_sighting(number: int, owner: str, vector: F32, of: int) -> Sighting:
    """The sighting of this number, of so many."""
    seen = BEGUN + timedelta(days=DAYS) * (number / of)
    camera = f"camera-{number % CAMERAS}"
    return Sighting(
        sighting_id=f"{camera}:drawn:{number}",
        camera=camera,
        run="drawn",
        mode="live",
        seq=2,
        person_id=None,
        stranger_id=owner,
        distance=None,
        threshold=0.9,
        frames_fused=4,
        quality=0.8,
        box=(0.4, 0.2, 0.5, 0.4),
        frame_index=number,
        pts_s=0.0,
        width=1280,
        height=720,
        first_seen_at=seen,
        seen_at=seen + timedelta(seconds=4),
        detector="drawn",
        model_id=MODEL,
        gallery_version=0,
        snapshot=None,
        vector=vector,
        stands=False,
    )

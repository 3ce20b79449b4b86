"""A past of made-up people that is large enough for an index: vectors that vary along few axes, as real ones do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import select

from pipeline.arrays import F32
from pipeline.gallery.keeping.traces import CUT
from pipeline.gallery.past.past_index import PastFilter
from pipeline.gallery.past.past_ranking import Probe, rank_all
from pipeline.gallery.past.past_search import Past
from pipeline.gallery.sightings.sighting_records import RunOfCamera, Sighting
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import sightings
from tests.gallery.made_sightings import BEGUN, sighting
from tests.gallery.people import DIMENSION, MODEL, unit

AXES = 20
"""that people differ along; an index keeps 32"""
PEOPLE, EACH = 60, 20
CAMERAS = tuple(RunOfCamera(name, "k3f9") for name in ("door", "yard", "hall"))


def seen_face(person: int, shot: int) -> F32:
    """A vector (D,) of a person, nearly within the span of AXES."""
    axes, _ = np.linalg.qr(np.random.default_rng(99).normal(size=(DIMENSION, AXES)))
    random = np.random.default_rng((person, shot, 7))
    centre = np.random.default_rng((person, 8)).normal(size=AXES)
    along = centre + 0.4 * random.normal(size=AXES)
    return unit(axes @ along + 0.01 * random.normal(size=DIMENSION))


def moment(number: int) -> datetime:
    """When the sighting of this number begins."""
    return BEGUN + timedelta(minutes=number)


def seen(number: int, over: bool = True) -> Sighting:
    """The sighting of this number: people come in turn, a minute each, by one camera after the other."""
    person = number % PEOPLE
    found = sighting(number, face_of=person + 1, run=CAMERAS[number % len(CAMERAS)], stands=False, over=over)
    begun = moment(number)
    return replace(
        found,
        vector=seen_face(person, number // PEOPLE),
        first_seen_at=begun,
        seen_at=begun + timedelta(seconds=30),
    )


def fill(store: Store, count: int = PEOPLE * EACH, first: int = 0) -> None:
    """Write so many sightings."""
    Sightings(store.database).write([seen(number) for number in range(first, first + count)])


def probe(person: int) -> Probe:
    """Another photo of a person."""
    return Probe(seen_face(person, 1000), MODEL)


def itself(one: Sighting) -> Probe:
    """The very face of a sighting."""
    assert one.vector is not None
    return Probe(one.vector, one.model_id)


def exact(store: Store, face: Probe, asked: PastFilter, count: int) -> list[int]:
    """The labels that are the truth."""
    with store.database.reading() as connection:
        found = rank_all(connection, face, asked).labels[:count]
    return [int(label) for label in found]


def labels(past: Past, face: Probe, asked: PastFilter | None = None, count: int = 20) -> list[int]:
    """What a search finds."""
    return [one.label for one in past.search(face, asked or PastFilter(), count).matches]


def label_of(store: Store, number: int) -> int:
    """The label of the sighting of this number."""
    asked = select(sightings.c.label).where(sightings.c.sighting_id == seen(number).sighting_id)
    with store.database.reading() as connection:
        return int(connection.execute(asked).scalar_one())


def cuts_in(vector: F32) -> Sequence[bytes]:
    """Every CUT bytes of a vector's numbers."""
    raw = vector.astype("<f4").tobytes()
    return [raw[start : start + CUT] for start in range(0, len(raw) - CUT + 1, CUT)]

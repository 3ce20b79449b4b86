"""Events as the books of sightings state them, for tests of what happens to them before they are published."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pipeline.events.event import EventType, Identity, IdentityEvent
from tests.events.strategies import START, an_event
from tests.gallery.people import face


def stated(
    kind: EventType,
    number: int = 1,
    *,
    person: int | None = 1,
    shot: int = 0,
    who: Identity | None = None,
    camera: str = "door",
    since_s: float = 0.0,
    at_s: float = 1.0,
    quality: float = 0.8,
) -> IdentityEvent:
    """An event of a camera's sighting of this number; `person`: whose face it shows, None where no shot was good.

    Its seq is that of `new`, or some other: which one, is said on the way out.
    """
    return replace(
        an_event(camera, number, 1 if kind is EventType.NEW else 2, at_s, who),
        type=kind,
        first_seen_at=START + timedelta(seconds=since_s),
        seen_at=START + timedelta(seconds=at_s),
        quality=quality,
        template=None if person is None else face(person, shot),
    )

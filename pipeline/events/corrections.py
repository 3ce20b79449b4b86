"""Corrections: what is published about a sighting when somebody finds out later whom it showed."""

from __future__ import annotations

from datetime import datetime

from pipeline.events.event import (
    EventCandidate,
    EventType,
    FrameRef,
    Identity,
    IdentityEvent,
    Mode,
)
from pipeline.events.sink import EventSink
from pipeline.gallery.sightings.sighting_records import Called, DueCorrection
from pipeline.gallery.sightings.sightings import Sightings

AT_ONCE = 500
"""sightings told of in one batch"""


def publish_due(sightings: Sightings, sink: EventSink, now: datetime) -> int:
    """Publish the corrections that wait, in the order in which the sightings were kept; how many events.

    Nobody is asked where nothing waits: the sink is opened here, and closed. What was published is marked so
    afterwards: after a crash in between it is published again, with the same event_ids. Raises BrokerError; what was
    not published then still waits.
    """
    due = sightings.due(count=AT_ONCE)
    if not due:
        return 0
    published = 0
    sink.open()
    try:
        while due:
            events = [event for each in due for event in corrections_of(each, now)]
            sink.publish(events)
            sightings.told(due)
            published += len(events)
            due = sightings.due(after=due[-1].label, count=AT_ONCE)
    finally:
        sink.close()
    return published


def corrections_of(due: DueCorrection, now: datetime) -> tuple[IdentityEvent, ...]:
    """The events that are due: one, or one for each time that it was corrected while none could be published.

    All say who it was as is known now, so that no seq is left out, and the first also who was named before.
    """
    first = due.told_seq + 1
    return tuple(
        _event(due, seq, due.previous if seq == first else None, now)
        for seq in range(first, due.sighting.seq + 1)
    )


def _event(due: DueCorrection, seq: int, previous: Called | None, now: datetime) -> IdentityEvent:
    kept = due.sighting
    who = _identity(due.person)
    nearest: tuple[EventCandidate, ...] = ()
    if who is not None and kept.distance is not None:
        nearest = (EventCandidate(who.id, who.name, kept.distance),)
    return IdentityEvent(
        type=EventType.CORRECTION,
        mode=Mode(kept.mode),
        sighting_id=kept.sighting_id,
        seq=seq,
        camera=kept.camera,
        identity=who,
        previous_identity=_identity(previous),
        stranger_id=kept.stranger_id,
        distance=kept.distance,
        threshold=kept.threshold,
        margin=None,
        candidates=nearest,
        frames_fused=kept.frames_fused,
        quality=kept.quality,
        box=kept.box,
        frame=FrameRef(kept.frame_index, kept.pts_s, kept.width, kept.height),
        first_seen_at=kept.first_seen_at,
        seen_at=kept.seen_at,
        published_at=now if kept.mode == Mode.LIVE else kept.seen_at,
        timings_ms=None,
        detector=kept.detector,
        embedder=kept.model_id,
        gallery_version=kept.gallery_version,
        snapshot=kept.snapshot,
        watchlists=due.watchlists,
    )


def _identity(called: Called | None) -> Identity | None:
    return None if called is None else Identity(called.person_id, called.name)

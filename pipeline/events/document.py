"""The JSON document of an event: names, order, types and ranges of what subscribers read.

The models mirror event.schema.json, which is the contract for programs in other languages; a test holds the
two together. Numbers are already rounded and times already text here, so that a document that passes is
exactly what is published.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.clock import utc_text
from pipeline.events.event import (
    EventCandidate,
    EventType,
    FrameRef,
    Identity,
    IdentityEvent,
    Mode,
    TimingsMs,
)
from pipeline.types import Watchlist

DECIMALS = 4
"""of every published number that is not a count: a ten-thousandth of a distance, a tenth of a millisecond"""

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
SquaredL2 = Annotated[float, Field(ge=0.0, le=4.0)]
Cosine = Annotated[float, Field(ge=-1.0, le=1.0)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False, lt=1e12)]
Time = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$")]
SightingId = Annotated[str, Field(pattern=r"^[\s\S]+:[^:]+:[0-9]+$")]
EventId = Annotated[str, Field(pattern=r"^[0-9a-f]{24}$")]


class _Strict(BaseModel):
    """Frozen, without unknown keys, without silent conversions."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class IdentityDocument(_Strict):
    """A person of the gallery."""

    id: Text
    name: Text


class WatchlistDocument(_Strict):
    """A list that the person is on."""

    name: Text
    purpose: str


class CandidateDocument(_Strict):
    """A person the face may be."""

    id: Text
    name: Text
    distance: SquaredL2


class FrameDocument(_Strict):
    """The frame an event speaks of."""

    index: Count
    pts_s: NotNegative
    width: Positive
    height: Positive


class TimingsDocument(_Strict):
    """Milliseconds from capture to event."""

    queue: NotNegative
    detect: NotNegative
    embed: NotNegative
    match: NotNegative
    total: NotNegative


class ModelsDocument(_Strict):
    """What the event was computed with."""

    detector: Text
    embedder: Text


class EventDocument(_Strict):
    """One event; the fields stand in the order in which they are written."""

    schema_: Annotated[Literal[1], Field(alias="schema")]
    event_id: EventId
    type: Literal["new", "update", "end", "correction"]
    mode: Literal["live", "replay"]
    sighting_id: SightingId
    seq: Positive
    camera: Text
    identity: IdentityDocument | None
    previous_identity: IdentityDocument | None
    watchlists: Annotated[list[WatchlistDocument], Field(default_factory=list)]
    """always written; streams hold events from before it was there, which are to be read"""
    stranger_id: Text | None
    distance: SquaredL2 | None
    similarity: Cosine | None
    threshold: SquaredL2
    margin: SquaredL2 | None
    candidates: list[CandidateDocument]
    frames_fused: Count
    quality: Fraction
    box: Annotated[list[Fraction], Field(min_length=4, max_length=4)]
    frame: FrameDocument
    first_seen_at: Time
    seen_at: Time
    published_at: Time
    timings_ms: TimingsDocument | None
    models: ModelsDocument
    gallery_version: Count
    snapshot: Text | None

    @model_validator(mode="after")
    def _rules(self) -> Self:
        """What no single field can say; the schema's `allOf` says the same."""
        if (self.identity is None) == (self.stranger_id is None):
            raise ValueError("exactly one of identity and stranger_id must be set")
        if self.identity is None and self.watchlists:
            raise ValueError("watchlists must be empty without an identity")
        if (self.distance is None) != (self.similarity is None):
            raise ValueError("distance and similarity must be both set or both null")
        if (self.type == "new") != (self.seq == 1):
            raise ValueError("the first event of a sighting, and no other, must be of type new")
        if self.mode == "replay" and self.timings_ms is not None:
            raise ValueError("timings_ms must be null in a replay")
        return self

    @classmethod
    def of(cls, event: IdentityEvent) -> Self:
        """What is published of this event; raises pydantic.ValidationError where it breaks the contract."""
        distance = None if event.distance is None else rounded(event.distance)
        fields = {
            "schema": 1,
            "event_id": event.event_id,
            "type": event.type.value,
            "mode": event.mode.value,
            "sighting_id": event.sighting_id,
            "seq": event.seq,
            "camera": event.camera,
            "identity": _identity(event.identity),
            "previous_identity": _identity(event.previous_identity),
            "watchlists": [WatchlistDocument(name=w.name, purpose=w.purpose) for w in event.watchlists],
            "stranger_id": event.stranger_id,
            "distance": distance,
            # from the published distance, so that a subscriber computes the same
            "similarity": None if distance is None else rounded(1.0 - distance / 2.0),
            "threshold": rounded(event.threshold),
            "margin": None if event.margin is None else rounded(event.margin),
            "candidates": [
                CandidateDocument(id=c.id, name=c.name, distance=rounded(c.distance))
                for c in event.candidates
            ],
            "frames_fused": event.frames_fused,
            "quality": rounded(event.quality),
            "box": [rounded(side) for side in event.box],
            "frame": _frame(event.frame),
            "first_seen_at": utc_text(event.first_seen_at),
            "seen_at": utc_text(event.seen_at),
            "published_at": utc_text(event.published_at),
            "timings_ms": _timings(event.timings_ms),
            "models": ModelsDocument(detector=event.detector, embedder=event.embedder),
            "gallery_version": event.gallery_version,
            "snapshot": event.snapshot,
        }
        return cls.model_validate(fields)

    def event(self) -> IdentityEvent:
        """The event this document was written from, its numbers rounded; raises ValueError for a false id."""
        event = IdentityEvent(
            type=EventType(self.type),
            mode=Mode(self.mode),
            sighting_id=self.sighting_id,
            seq=self.seq,
            camera=self.camera,
            identity=None if self.identity is None else Identity(**self.identity.model_dump()),
            previous_identity=(
                None if self.previous_identity is None else Identity(**self.previous_identity.model_dump())
            ),
            stranger_id=self.stranger_id,
            distance=self.distance,
            threshold=self.threshold,
            margin=self.margin,
            candidates=tuple(EventCandidate(**c.model_dump()) for c in self.candidates),
            frames_fused=self.frames_fused,
            quality=self.quality,
            box=(self.box[0], self.box[1], self.box[2], self.box[3]),
            frame=FrameRef(**self.frame.model_dump()),
            first_seen_at=utc_time(self.first_seen_at),
            seen_at=utc_time(self.seen_at),
            published_at=utc_time(self.published_at),
            timings_ms=None if self.timings_ms is None else TimingsMs(**self.timings_ms.model_dump()),
            detector=self.models.detector,
            embedder=self.models.embedder,
            gallery_version=self.gallery_version,
            snapshot=self.snapshot,
            watchlists=tuple(Watchlist(**w.model_dump()) for w in self.watchlists),
        )
        if event.event_id != self.event_id:
            raise ValueError(f"event_id must be {event.event_id} for this sighting_id and seq")
        return event


def rounded(value: float) -> float:
    """Rounded to DECIMALS, and never -0.0.

    >>> rounded(-0.00001)
    0.0
    """
    return round(float(value), DECIMALS) + 0.0


def utc_time(text: str) -> datetime:
    """The inverse of `utc_text`; raises ValueError for a day or hour that does not exist."""
    return datetime.fromisoformat(text)


def _identity(identity: Identity | None) -> IdentityDocument | None:
    return None if identity is None else IdentityDocument(id=identity.id, name=identity.name)


def _frame(frame: FrameRef) -> FrameDocument:
    return FrameDocument(
        index=frame.index, pts_s=rounded(frame.pts_s), width=frame.width, height=frame.height
    )


def _timings(timings: TimingsMs | None) -> TimingsDocument | None:
    if timings is None:
        return None
    return TimingsDocument(
        queue=rounded(timings.queue),
        detect=rounded(timings.detect),
        embed=rounded(timings.embed),
        match=rounded(timings.match),
        total=rounded(timings.total),
    )

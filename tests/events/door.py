"""A camera at a door that shows its book of sightings what a test says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from pipeline.arrays import F32
from pipeline.events.event import IdentityEvent, Mode
from pipeline.events.lifecycle import SightingBook
from pipeline.events.sighting import SightingRules
from pipeline.events.stage import EventContext, EventWriter
from pipeline.types import Candidate, Faces, FrameInfo, GalleryState, Match, Matched

RULES = SightingRules(
    max_distance=0.9,
    min_margin=0.1,
    keep_margin=0.1,
    decide_after_s=1.0,
    min_shots=2,
    gap_s=2.0,
    rejoin_distance=0.6,
    min_seen_s=0.25,
    update_quality_by=1.5,
    min_quality=0.1,
)
GALLERY = GalleryState(1, RULES.max_distance)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CONTEXT = EventContext(Mode.REPLAY, {"door": "abc"}, "centerface", "facenet", 5, 1.25, None)


def face(seed: int) -> F32:
    """A template of its own: different seeds are about sqrt(2) apart."""
    vector = np.random.default_rng(seed).normal(size=64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def people(**distances: float) -> tuple[Candidate, ...]:
    ranked = sorted(distances.items(), key=lambda item: item[1])
    return tuple(Candidate(f"p_{name}", name, distance) for name, distance in ranked)


def match(
    track: int,
    candidates: tuple[Candidate, ...],
    *,
    shots: int = 3,
    weight: float = 1.5,
    quality: float = 0.5,
    template: F32 | None = None,
) -> Match:
    seen = face(track) if template is None else template
    return Match(track, seen, shots, weight, quality, candidates)


class Door:
    """A camera at ten frames a second that shows its book what the test says."""

    def __init__(self, rules: SightingRules = RULES) -> None:
        self.book = SightingBook(rules, EventWriter("door", CONTEXT))
        self.index = -1
        self.said: list[str] = []
        self.events: list[IdentityEvent] = []

    def frame(
        self, tracks: Sequence[int], *matches: Match, observed: bool = True, predicted: Sequence[int] = ()
    ) -> list[str]:
        """One frame with these tracks, and others that are only predicted; returns what was said of it.

        That is `type number name`, a line an event.
        """
        self.index += 1
        seen = np.array([observed] * len(tracks) + [False] * len(predicted), np.bool_)
        tracks = [*tracks, *predicted]
        n = len(tracks)
        pts_s = round(self.index / 10, 6)
        info = FrameInfo("door", self.index, pts_s, EPOCH + timedelta(seconds=pts_s), 640, 360, 0)
        boxes = np.array([[100 * t, 50, 100 * t + 60, 130] for t in tracks], np.float32).reshape(n, 4)
        faces = Faces(boxes, np.zeros((n, 5, 2), np.float32), np.ones(n, np.float32))
        ids, quality = np.array(tracks, np.int64), np.full(n, 0.5, np.float32)
        return self._note(self.book.advance(Matched(info, faces, ids, seen, quality, matches, GALLERY))[0])

    def frames(self, count: int, tracks: Sequence[int]) -> list[str]:
        """Several frames alike."""
        return [line for _ in range(count) for line in self.frame(tracks)]

    def end(self) -> list[str]:
        return self._note(self.book.finish()[0])

    def _note(self, events: list[IdentityEvent]) -> list[str]:
        self.events += events
        lines = [
            f"{e.type} {e.sighting_id.split(':')[2]} {e.identity.name if e.identity else '?'}" for e in events
        ]
        self.said += lines
        return lines

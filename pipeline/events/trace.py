"""Which face was whose in every frame of a replay, known once its sightings are over: for annotated video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.arrays import F32
from pipeline.events.lifecycle import Closed
from pipeline.events.stage import Outcome

MISSED_AFTER_S = 0.3
"""a face not found for longer was missed by at least one look of a detector that looks ten times a second"""


@dataclass(frozen=True, slots=True)
class TracedFace:
    """A face of a published sighting in one frame."""

    frame_index: int
    box: F32
    """(4,) pixels"""
    observed: bool
    """False where looks before and after found it, but one in between did not"""
    number: int
    """of the sighting"""
    name: str | None
    """whom the sighting was taken for in the end; None for unknown"""
    distance: float | None
    """squared L2 to that person, None for unknown"""


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a track was found."""

    frame_index: int
    pts_s: float
    box: F32


class Trace:
    """Observes the outcomes of one camera; some hundred bytes a face and look.

    Between two looks a box is interpolated: what comes later is known by then, and predictions drift.
    """

    def __init__(self, camera: str) -> None:
        self.camera = camera
        self.frames = 0
        """frames seen of the camera"""
        self._found: dict[int, list[_Found]] = {}
        self._closed: dict[int, Closed] = {}

    def __call__(self, outcome: Outcome) -> None:
        """Take in one frame; those of other cameras are passed over."""
        if outcome.camera != self.camera:
            return
        info = outcome.info
        self.frames = info.index + 1
        for row in np.flatnonzero(outcome.observed).tolist():
            found = _Found(info.index, info.pts_s, outcome.boxes[row])
            self._found.setdefault(int(outcome.track_ids[row]), []).append(found)
        for closed in outcome.closed:
            for track in closed.tracks:
                self._closed[track] = closed
                if closed.number is None:  # never published, so never drawn
                    self._found.pop(track, None)

    def faces(self) -> Iterator[TracedFace]:
        """Faces of published sightings, track by track; complete when the camera has ended."""
        for track, looks in self._found.items():
            closed = self._closed.get(track)
            if closed is None or closed.number is None:
                continue
            for before, after in pairwise(looks):
                yield from _between(before, after, closed, closed.number)
            yield _face(looks[-1].frame_index, looks[-1].box, True, closed, closed.number)


def _between(before: _Found, after: _Found, closed: Closed, number: int) -> Iterator[TracedFace]:
    """The face at `before` and at every frame up to `after`, without it."""
    observed = after.pts_s - before.pts_s <= MISSED_AFTER_S
    count = after.frame_index - before.frame_index
    for step in range(count):
        box = before.box + np.float32(step / count) * (after.box - before.box)
        yield _face(before.frame_index + step, box, observed or step == 0, closed, number)


def _face(index: int, box: F32, observed: bool, closed: Closed, number: int) -> TracedFace:
    who = closed.identity
    name, distance = (None, None) if who is None else (who.name, who.distance)
    return TracedFace(index, box, observed, number, name, distance)

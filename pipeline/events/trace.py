"""Which face was whose in every frame of a replay, known once its sightings are over: for annotated video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.arrays import F32, I64, Bools
from pipeline.events.lifecycle import Closed
from pipeline.events.stage import Outcome


@dataclass(frozen=True, slots=True)
class TracedFace:
    """A face of a published sighting in one frame."""

    frame_index: int
    box: F32
    """(4,) pixels"""
    observed: bool
    """found in this frame, or predicted between two looks"""
    number: int
    """of the sighting"""
    name: str | None
    """whom the sighting was taken for in the end; None for unknown"""
    distance: float | None
    """squared L2 to that person, None for unknown"""


@dataclass(frozen=True, slots=True)
class _Row:
    """The tracks of one frame."""

    frame_index: int
    track_ids: I64
    boxes: F32
    observed: Bools


class Trace:
    """Observes the outcomes of one camera; a few dozen bytes a face and frame."""

    def __init__(self, camera: str) -> None:
        self.camera = camera
        self.frames = 0
        """frames seen of the camera"""
        self._rows: list[_Row] = []
        self._closed: dict[int, Closed] = {}

    def __call__(self, outcome: Outcome) -> None:
        """Take in one frame; those of other cameras are passed over."""
        if outcome.camera != self.camera:
            return
        self.frames = outcome.info.index + 1
        if len(outcome.track_ids):
            row = _Row(outcome.info.index, outcome.track_ids, outcome.boxes, outcome.observed)
            self._rows.append(row)
        for closed in outcome.closed:
            self._closed.update(dict.fromkeys(closed.tracks, closed))

    def faces(self) -> Iterator[TracedFace]:
        """Faces of published sightings in frame order; complete when the camera has ended."""
        for row in self._rows:
            for track, box, observed in zip(row.track_ids.tolist(), row.boxes, row.observed, strict=True):
                closed = self._closed.get(track)
                if closed is None or closed.number is None:
                    continue
                who = closed.identity
                yield TracedFace(
                    frame_index=row.frame_index,
                    box=box,
                    observed=bool(observed),
                    number=closed.number,
                    name=None if who is None else who.name,
                    distance=None if who is None else who.distance,
                )

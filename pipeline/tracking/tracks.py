"""The tracks of one camera as arrays, one row a track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from pipeline.arrays import F32, F64, I64, Bools, check_array, check_rows
from pipeline.geometry import shorter_sides
from pipeline.tracking import kalman
from pipeline.tracking.kalman import BoxStates
from pipeline.types import Faces


@dataclass(frozen=True, slots=True)
class Tracks:
    """N tracks at one time."""

    states: BoxStates
    ids: I64
    """(N,) from 1; 0 while the track does not count yet"""
    looks: I64
    """(N,) how often the face was found"""
    seen_s: F64
    """(N,) pts of the look that found it last"""
    landmarks: F32
    """(N, 5, 2) as found last, in box widths and heights from the box's upper left corner"""
    scores: F32
    """(N,) as found last"""
    largest_px: F32
    """(N,) of all looks that found the face, the largest shorter side of its box"""

    def __post_init__(self) -> None:
        check_array("landmarks", self.landmarks, np.float32, ("N", 5, 2))
        rows = len(self.states)
        check_rows(rows, ids=self.ids, looks=self.looks, seen_s=self.seen_s)
        check_rows(rows, landmarks=self.landmarks, scores=self.scores, largest_px=self.largest_px)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def begin(cls, faces: Faces, pts_s: float) -> Self:
        """New tracks, one a face."""
        count = len(faces)
        return cls(
            states=kalman.begin(faces.boxes),
            ids=np.zeros(count, np.int64),
            looks=np.ones(count, np.int64),
            seen_s=np.full(count, pts_s),
            landmarks=_in_box(faces.landmarks, faces.boxes),
            scores=faces.scores,
            largest_px=shorter_sides(faces.boxes),
        )

    def take(self, rows: I64 | Bools) -> Tracks:
        """The tracks of these rows."""
        return Tracks(
            self.states.take(rows),
            self.ids[rows],
            self.looks[rows],
            self.seen_s[rows],
            self.landmarks[rows],
            self.scores[rows],
            self.largest_px[rows],
        )

    def predicted(self, dt_s: float) -> Tracks:
        """The same tracks `dt_s` seconds later."""
        return replace(self, states=kalman.predict(self.states, dt_s))

    def found(self, faces: Faces, pts_s: float) -> Tracks:
        """The same tracks after each was found again, as the face of its row."""
        return Tracks(
            states=kalman.correct(self.states, faces.boxes),
            ids=self.ids,
            looks=self.looks + 1,
            seen_s=np.full(len(self), pts_s),
            landmarks=_in_box(faces.landmarks, faces.boxes),
            scores=faces.scores,
            largest_px=np.maximum(self.largest_px, shorter_sides(faces.boxes)),
        )

    def faces(self) -> Faces:
        """Where the faces should be; their landmarks moved and grew with them."""
        return self.faces_at(0.0)

    def faces_at(self, dt_s: float) -> Faces:
        """Where they should be `dt_s` seconds later: as `predicted` says, without asking how sure that is."""
        boxes = self.states.boxes(dt_s)
        sides = (boxes[:, 2:] - boxes[:, :2])[:, None]
        return Faces(boxes, self.landmarks * sides + boxes[:, None, :2], self.scores)


def join(parts: Sequence[Tracks]) -> Tracks:
    """The rows of all parts, in order."""
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return parts[0] if parts else NO_TRACKS
    return Tracks(
        kalman.join([part.states for part in parts]),
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.looks for part in parts]),
        np.concatenate([part.seen_s for part in parts]),
        np.concatenate([part.landmarks for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.largest_px for part in parts]),
    )


def _in_box(landmarks: F32, boxes: F32) -> F32:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)[:, None]
    return np.asarray((landmarks - boxes[:, None, :2]) / sides, dtype=np.float32)


NO_TRACKS = Tracks.begin(Faces.none(), 0.0)

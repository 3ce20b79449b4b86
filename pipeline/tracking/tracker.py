"""Following the faces of one camera from look to look."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.arrays import F32, I64, Bools, check_rows
from pipeline.geometry import clip_boxes
from pipeline.tracking.associate import Gates, associate
from pipeline.tracking.tracks import NO_TRACKS, Tracks, join
from pipeline.types import Faces

RESET_GAP_S = 5.0
"""after no look for this long (a camera that was away) whoever is seen is somebody new, wherever he stands"""


@dataclass(frozen=True, slots=True)
class TrackRules:
    """When a face is followed; see config.schema.Tracking for the reasons."""

    gates: Gates
    max_lost_s: float
    min_looks: int


@dataclass(frozen=True, slots=True)
class TrackRows:
    """The tracks that count in one frame, by ascending id. Frames share arrays; nobody may write into them."""

    faces: Faces
    """a predicted one is cut off at the frame's edge, so that nothing may be left of it"""
    track_ids: I64
    """(N,)"""
    observed: Bools
    """(N,) False where the face is only predicted"""
    largest_px: F32
    """(N,) of all looks that found the face, the largest shorter side of its box"""

    def __post_init__(self) -> None:
        check_rows(len(self.faces), track_ids=self.track_ids, observed=self.observed)
        check_rows(len(self.faces), largest_px=self.largest_px)


NOBODY = TrackRows(Faces.none(), np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros(0, np.float32))
"""most frames of most cameras"""


class Tracker:
    """The tracks of one camera.

    Its answers depend on the looks alone: asking for predictions in between changes nothing. A track counts, and
    gets an id, once its face was found in `min_looks` looks; ids count from 1 in the order in which tracks come
    to count. From then on it is in every answer until a look ends it, however far it is predicted to have gone:
    who no longer finds an id may forget it.
    """

    def __init__(self, rules: TrackRules, last_id: int = 0) -> None:
        """`last_id`: given out before, by the tracker whose place this one takes."""
        self._rules = rules
        self._tracks = self._counted = NO_TRACKS
        """as of the last look: all, and those that count by ascending id"""
        self._at_s = 0.0
        """pts of the last look"""
        self._last_id = last_id

    @property
    def last_id(self) -> int:
        """The highest id given out so far."""
        return self._last_id

    def update(self, faces: Faces, pts_s: float, width: int, height: int) -> TrackRows:
        """Take in what a look at a frame of this size in pixels found, and say which tracks there are now."""
        if pts_s - self._at_s > RESET_GAP_S:
            self.reset()
        if not len(faces) and not len(self._tracks):
            self._at_s = pts_s
            return NOBODY
        tracks = self._tracks.predicted(pts_s - self._at_s)
        pairs = associate(tracks.states, faces.boxes, faces.scores, self._rules.gates)
        fresh = faces.scores >= self._rules.gates.min_score
        fresh[pairs.faces] = False
        lost = self._may_return(tracks, pts_s, width, height)
        lost[pairs.tracks] = False
        found = tracks.take(pairs.tracks).found(faces.take(pairs.faces), pts_s) if len(pairs) else NO_TRACKS
        # Most looks find everybody again and nobody else: then there is nothing to join.
        new = Tracks.begin(faces.take(fresh), pts_s) if fresh.any() else NO_TRACKS
        gone = tracks.take(lost) if lost.any() else NO_TRACKS
        self._tracks = self._confirm(join((found, new, gone)))
        self._at_s = pts_s
        rows = _counted(self._tracks)
        self._counted = self._tracks.take(rows)
        seen = np.concatenate([pairs.faces, np.flatnonzero(fresh)])
        return self._found(rows, faces.take(seen), width, height)

    def predict(self, pts_s: float, width: int, height: int) -> TrackRows:
        """Where the tracks that count should be in a frame that was not looked at."""
        tracks = self._counted
        if not len(tracks):
            return NOBODY
        faces = tracks.faces_at(pts_s - self._at_s)
        faces = Faces(clip_boxes(faces.boxes, width, height), faces.landmarks, faces.scores)
        return TrackRows(faces, tracks.ids, np.zeros(len(tracks), np.bool_), tracks.largest_px)

    def reset(self) -> None:
        """End all tracks: what is seen next is a new scene. Ids go on counting."""
        self._tracks = self._counted = NO_TRACKS

    def _confirm(self, tracks: Tracks) -> Tracks:
        due = np.flatnonzero((tracks.ids == 0) & (tracks.looks >= self._rules.min_looks))
        if not len(due):
            return tracks
        ids = tracks.ids.copy()
        ids[due] = self._last_id + 1 + np.arange(len(due))
        self._last_id += len(due)
        return replace(tracks, ids=ids)

    def _may_return(self, tracks: Tracks, pts_s: float, width: int, height: int) -> Bools:
        """Lost not long ago, and not through the frame's edge."""
        centres = tracks.states.values[:, :2]
        inside = np.all((centres >= 0.0) & (centres < (width, height)), axis=1)
        recent = pts_s - tracks.seen_s < self._rules.max_lost_s
        return np.asarray(inside & recent, dtype=np.bool_)

    def _found(self, rows: I64, seen: Faces, width: int, height: int) -> TrackRows:
        """The tracks that count, which are these `rows` of all; the first of all were found as `seen`, row by row."""
        tracks = self._counted
        guess = tracks.faces()
        boxes, landmarks = clip_boxes(guess.boxes, width, height), guess.landmarks
        observed = rows < len(seen)
        boxes[observed], landmarks[observed] = seen.boxes[rows[observed]], seen.landmarks[rows[observed]]
        return TrackRows(Faces(boxes, landmarks, tracks.scores), tracks.ids, observed, tracks.largest_px)


def _counted(tracks: Tracks) -> I64:
    """Rows of the tracks that count, by ascending id."""
    rows = np.flatnonzero(tracks.ids > 0)
    return rows[np.argsort(tracks.ids[rows])]

"""The stage that gives faces the ids of their tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.geometry import shorter_sides
from pipeline.stage import StageBase
from pipeline.tracking.associate import Gates
from pipeline.tracking.cut import CutDetector
from pipeline.tracking.tracker import Tracker, TrackRules
from pipeline.types import Detected, StreamEnd, Tracked


class _Camera:
    """What is kept of one camera."""

    def __init__(self, rules: TrackRules, last_id: int = 0) -> None:
        self.tracker = Tracker(rules, last_id)
        self.cuts = CutDetector()

    def anew(self, rules: TrackRules) -> _Camera:
        """With nothing seen yet. Ids go on counting: to the stages behind, a track's id never comes back."""
        return _Camera(rules, self.tracker.last_id)


class TrackingStage(StageBase[Detected, Tracked]):
    """One tracker a camera; a cut between shots ends all of a camera's tracks.

    A frame that was not looked at has the tracks' predicted places. Nothing here depends on when frames come, nor
    on other cameras.
    """

    name = "track"

    def __init__(
        self,
        min_score: float,
        min_iou: float,
        min_iou_low: float,
        max_lost_s: float,
        min_looks: int,
        min_face_px: Callable[[str], float],
        follow_from: float,
    ) -> None:
        """See config.schema.Tracking and Detection; weaker faces than `min_score` only prolong a track.

        Args:
            min_face_px: the shorter side, in pixels, from which on a camera's faces count; asked at every look,
                since it may change.
            follow_from: part of it from which on they are followed.
        """
        self._min_face_px = min_face_px
        self._follow_from = follow_from
        self._rules = TrackRules(Gates(min_score, min_iou, min_iou_low), max_lost_s, min_looks)
        self._cameras: dict[str, _Camera] = {}

    def process(self, batch: Sequence[Detected]) -> Sequence[Tracked]:
        return [self._track(item) for item in batch]

    def end(self, end: StreamEnd) -> Sequence[Tracked]:
        camera = self._cameras.pop(end.camera, None)
        if end.pause and camera is not None:
            self._cameras[end.camera] = camera.anew(self._rules)
        return ()

    def lost(self, camera: str) -> None:
        """Throw the camera's tracks away, which may be half moved; their sightings are joined again by likeness."""
        before = self._cameras.get(camera)
        if before is not None:
            self._cameras[camera] = before.anew(self._rules)

    def _track(self, item: Detected) -> Tracked:
        info = item.frame.info
        if info.camera not in self._cameras:
            self._cameras[info.camera] = _Camera(self._rules)
        camera = self._cameras[info.camera]
        min_face_px = self._min_face_px(info.camera)
        if item.looked:
            if camera.cuts.is_cut(item.frame.pixels.to_host()):
                camera.tracker.reset()
            faces = item.faces.take(shorter_sides(item.faces.boxes) >= self._follow_from * min_face_px)
            rows = camera.tracker.update(faces, info.pts_s, info.width, info.height)
        else:
            rows = camera.tracker.predict(info.pts_s, info.width, info.height)
        return Tracked(item.frame, rows.faces, rows.track_ids, rows.observed, rows.largest_px >= min_face_px)

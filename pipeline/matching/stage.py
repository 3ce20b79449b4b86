"""The stage that asks the gallery who a track's fused template is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.gallery.memory.answer import EVERYBODY, Answer
from pipeline.gallery.memory.list_troubles import ListTroubles
from pipeline.matching.fusion import Shot, TrackFace
from pipeline.stage import StageBase
from pipeline.types import Embedded, GalleryState, Match, Matched, StreamEnd

TAKEN_OVER = 1 << 32
"""added to a track's id each time another face takes it over; more than a tracker ever counts to"""

NONE_YET = -1
"""in place of a template's label"""


ListsOf = Callable[[str], frozenset[str]]
"""by camera, the names of watchlists; may change while it is asked"""


def everybody(camera: str) -> frozenset[str]:
    """No camera has watchlists."""
    return EVERYBODY


class Search(Protocol):
    """The gallery as this stage sees it."""

    @property
    def state(self) -> GalleryState:
        """What answers are made of now; both of its numbers belong together."""
        ...

    def answer(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> Answer:
        """For each probe (Q, D) up to `count` different people, nearest first, and the state that they are of.

        Args:
            near: (Q,) the template that the probe's track was nearest to before, -1 for none: a hint that may save
                time, and that may be of somebody who is gone, or on no list that is searched.
            watchlists: look only among the people who are on one of these.
        """
        ...


@dataclass(slots=True)
class _Track:
    """What the stage remembers of a track."""

    face: TrackFace
    nearest: int = NONE_YET
    """label of the template that it was nearest to in the last search, with which the next begins"""


class MatchingStage(StageBase[Embedded, Matched]):
    """Fuses each track's best shots and searches the gallery with the result.

    A track that another face has taken over goes on under an id of its own: to the stages behind, one track has
    ended and another begun. The embed gate keeps to the tracker's ids and so never hears that the newcomer is
    known, which costs a re-check a second.

    After a frame that was lost the tracks keep their faces: a search that failed has changed nothing, and a shot that
    was added counts with the next one. A track that began anew here would be another sighting.
    """

    name = "match"

    def __init__(
        self,
        gallery: Search,
        best_shots: int,
        candidates: int,
        handover_distance: float = 4.0,
        lists_of: ListsOf = everybody,
    ) -> None:
        """
        Args:
            handover_distance: squared L2; see TrackFace. With 4, a track is one face for good.
            lists_of: the watchlists whose people alone are searched for a camera's faces; none: everybody. Names are
                given below the distance of the whole gallery: see gallery.memory.among_list.
        """
        self._gallery = gallery
        self._best_shots = best_shots
        self._handover_distance = handover_distance
        self._candidates = max(2, candidates)  # the margin needs a second person
        self._lists_of = lists_of
        self._troubles = ListTroubles()
        self._tracks: dict[str, dict[int, _Track]] = {}

    def process(self, batch: Sequence[Embedded]) -> Sequence[Matched]:
        return [self._match(item) for item in batch]

    def end(self, end: StreamEnd) -> Sequence[Matched]:
        self._tracks.pop(end.camera, None)
        if not end.pause:  # a camera that comes back is told of its lists' troubles once, not every time
            self._troubles.forget(_camera(end.camera))
        return ()

    def _match(self, item: Embedded) -> Matched:
        """One search a frame, not one a batch: what is in a batch depends on timing, and so might a bit."""
        aligned = item.aligned
        alive = set(aligned.track_ids.tolist())
        before = self._tracks.get(aligned.info.camera, {})
        tracks = {track: face for track, face in before.items() if track in alive}
        self._tracks[aligned.info.camera] = tracks
        ids = aligned.track_ids[aligned.rows].tolist()
        fused = []
        for track, row, vector in zip(ids, aligned.rows.tolist(), item.vectors, strict=True):
            if track not in tracks:
                tracks[track] = _Track(TrackFace(self._best_shots, self._handover_distance))
            shot = Shot(vector, float(aligned.quality[row]), aligned.info.index)
            fused.append(tracks[track].face.add(shot))
        lists = self._lists_of(aligned.info.camera)
        answer = self._gallery.answer(
            np.stack([each.template for each in fused]) if fused else item.vectors,
            self._candidates,
            near=np.array([tracks[track].nearest for track in ids], np.int64),
            watchlists=lists,
        )
        self._troubles.tell(_camera(aligned.info.camera), lists, answer)
        for track, people in zip(ids, answer.people, strict=True):
            tracks[track].nearest = people[0].label if people else NONE_YET
        track_ids = _by_face(aligned.track_ids, tracks)
        matches = tuple(
            Match(track, f.template, f.frames_fused, f.weight, f.best_quality, people)
            for track, f, people in zip(track_ids[aligned.rows].tolist(), fused, answer.people, strict=True)
        )
        return Matched(
            info=aligned.info,
            faces=aligned.faces,
            track_ids=track_ids,
            observed=aligned.observed,
            quality=aligned.quality,
            matches=matches,
            gallery=answer.state,
            parts=aligned.parts,
        )


def _camera(camera: str) -> str:
    """Who asks, for the log."""
    return f"camera {camera}"


def _by_face(track_ids: I64, tracks: Mapping[int, _Track]) -> I64:
    """The tracker's ids (N,), moved on by TAKEN_OVER for each time that another face took the track."""
    taken = [tracks[track].face.handovers if track in tracks else 0 for track in track_ids.tolist()]
    return track_ids + TAKEN_OVER * np.asarray(taken, np.int64)

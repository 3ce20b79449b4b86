"""The stage that asks the gallery who a track's fused template is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.gallery.memory.answer import EVERYBODY, Answer
from pipeline.gallery.memory.list_troubles import ListTroubles
from pipeline.matching.fusion import Fused, Shot, TrackFace
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


class OlderSearch(Protocol):
    """The people whom an older model alone knows, as this stage sees them."""

    def join(
        self,
        answer: Answer,
        probes: Sequence[F32 | None],
        count: int,
        *,
        watchlists: frozenset[str] = EVERYBODY,
    ) -> Answer:
        """The answer with these people among its candidates, each person once, nearest first.

        Args:
            probes: for each row of the answer the same face (E,) by the older model; None where it was not asked.
            count: people a row at most.
            watchlists: as the answer was asked for.
        """
        ...


class Galleries(Protocol):
    """The galleries of a run, one a model. One thread asks; it never goes back to a model that it has left."""

    def of(self, model_id: str) -> Search:
        """What vectors of this model are searched in."""
        ...

    def older(self, model_id: str) -> OlderSearch | None:
        """Whom this older model alone knows; None: nobody any more."""
        ...


class OneGallery:
    """The gallery of a run whose model stays, and that leaves nobody behind. Implements `Galleries`."""

    def __init__(self, gallery: Search) -> None:
        self._gallery = gallery

    def of(self, model_id: str) -> Search:
        """The one there is."""
        return self._gallery

    def older(self, model_id: str) -> OlderSearch | None:
        """Nobody."""
        return None


@dataclass(frozen=True, slots=True)
class _Models:
    """Whose vectors a track's shots are."""

    model_id: str
    older: str | None

    def fuse_with(self, later: _Models) -> bool:
        """Whether shots of these models may be fused with later ones."""
        same_older = self.older is None or later.older is None or self.older == later.older
        return self.model_id == later.model_id and same_older


@dataclass(slots=True)
class _Track:
    """What the stage remembers of a track."""

    face: TrackFace
    models: _Models
    nearest: int = NONE_YET
    """label of the template that it was nearest to in the last search, with which the next begins"""


class MatchingStage(StageBase[Embedded, Matched]):
    """Fuses each track's best shots and searches the gallery of their model with the result.

    A track that another face has taken over goes on under an id of its own: to the stages behind, one track has
    ended and another begun. The embed gate keeps to the tracker's ids and so never hears that the newcomer is
    known, which costs a re-check a second.

    After a frame that was lost the tracks keep their faces: a search that failed has changed nothing, and a shot that
    was added counts with the next one. A track that began anew here would be another sighting.
    """

    name = "match"

    def __init__(
        self,
        galleries: Galleries,
        best_shots: int,
        candidates: int,
        handover_distance: float = 4.0,
        lists_of: ListsOf = everybody,
    ) -> None:
        """
        Args:
            galleries: by the model of the vectors; `OneGallery` where that stays the same.
            handover_distance: squared L2; see TrackFace. With 4, a track is one face for good.
            lists_of: the watchlists whose people alone are searched for a camera's faces; none: everybody. Names are
                given below the distance of the whole gallery: see gallery.memory.among_list.
        """
        self._galleries = galleries
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
        fused = self._fuse(item, ids, tracks)
        lists = self._lists_of(aligned.info.camera)
        near = np.array([tracks[track].nearest for track in ids], np.int64)
        answer = self._answer(item, fused, near, lists)
        self._troubles.tell(_camera(aligned.info.camera), lists, answer)
        for track, people in zip(ids, answer.people, strict=True):
            tracks[track].nearest = people[0].label if people else NONE_YET
        track_ids = _by_face(aligned.track_ids, tracks)
        matches = tuple(
            Match(track, f.template, f.frames_fused, f.weight, f.best_quality, people, item.model_id)
            for track, f, people in zip(track_ids[aligned.rows].tolist(), fused, answer.people, strict=True)
        )
        return Matched(
            info=aligned.info,
            faces=aligned.faces,
            track_ids=track_ids,
            observed=aligned.observed,
            quality=aligned.quality,
            matches=matches,
            gallery=replace(answer.state, model_id=item.model_id),
            parts=aligned.parts,
        )

    def _fuse(self, item: Embedded, ids: Sequence[int], tracks: dict[int, _Track]) -> list[Fused]:
        """Each crop's shot with the earlier ones of its track; a track begins anew where its model is another.

        Templates lie on the int8 grid where the shots do.
        """
        aligned, older = item.aligned, item.older
        now = _Models(item.model_id, None if older is None else older.model_id)
        fused = []
        for at, (track, row) in enumerate(zip(ids, aligned.rows.tolist(), strict=True)):
            known = tracks.get(track)
            if known is None:
                face = TrackFace(self._best_shots, self._handover_distance, item.kept)
                known = tracks[track] = _Track(face, now)
            elif not known.models.fuse_with(now):
                known.face.begin_anew(item.kept)
                known.models, known.nearest = now, NONE_YET
            elif now.older is not None:
                known.models = now
            before = None if older is None else older.vectors[at]
            shot = Shot(item.vectors[at], float(aligned.quality[row]), aligned.info.index, before)
            fused.append(known.face.add(shot))
        return fused

    def _answer(self, item: Embedded, fused: Sequence[Fused], near: I64, lists: frozenset[str]) -> Answer:
        """Who the fused templates are nearest to, by the model of this frame and, where it is given, an older one."""
        probes = np.stack([each.template for each in fused]) if fused else item.vectors
        gallery = self._galleries.of(item.model_id)
        answer = gallery.answer(probes, self._candidates, near=near, watchlists=lists)
        older = None if item.older is None else self._galleries.older(item.older.model_id)
        if older is None:
            return answer
        return older.join(answer, [each.older for each in fused], self._candidates, watchlists=lists)


def _camera(camera: str) -> str:
    """Who asks, for the log."""
    return f"camera {camera}"


def _by_face(track_ids: I64, tracks: Mapping[int, _Track]) -> I64:
    """The tracker's ids (N,), moved on by TAKEN_OVER for each time that another face took the track."""
    taken = [tracks[track].face.handovers if track in tracks else 0 for track in track_ids.tolist()]
    return track_ids + TAKEN_OVER * np.asarray(taken, np.int64)

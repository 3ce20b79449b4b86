"""The stage that asks the gallery who a track's fused template is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pipeline.arrays import F32
from pipeline.matching.fusion import BestShots, Shot
from pipeline.stage import StageBase
from pipeline.types import Candidate, Embedded, Match, Matched, StreamEnd


class Search(Protocol):
    """The gallery as this stage sees it."""

    @property
    def version(self) -> int:
        """The last change that the answers take into account."""
        ...

    def search(self, probes: F32, count: int) -> tuple[tuple[Candidate, ...], ...]:
        """For each probe (Q, D) up to `count` different people, nearest first."""
        ...


class MatchingStage(StageBase[Embedded, Matched]):
    """Fuses each track's best shots and searches the gallery with the result."""

    name = "match"

    def __init__(self, gallery: Search, best_shots: int, candidates: int) -> None:
        self._gallery = gallery
        self._best_shots = best_shots
        self._candidates = max(2, candidates)  # the margin needs a second person
        self._tracks: dict[str, dict[int, BestShots]] = {}

    def process(self, batch: Sequence[Embedded]) -> Sequence[Matched]:
        return [self._match(item) for item in batch]

    def end(self, end: StreamEnd) -> Sequence[Matched]:
        self._tracks.pop(end.camera, None)
        return ()

    def _match(self, item: Embedded) -> Matched:
        """One search a frame, not one a batch: what is in a batch depends on timing, and so might a bit."""
        aligned = item.aligned
        alive = set(aligned.track_ids.tolist())
        before = self._tracks.get(aligned.info.camera, {})
        tracks = {track: shots for track, shots in before.items() if track in alive}
        self._tracks[aligned.info.camera] = tracks
        ids = aligned.track_ids[aligned.rows].tolist()
        fused = []
        for track, row, vector in zip(ids, aligned.rows.tolist(), item.vectors, strict=True):
            shots = tracks.setdefault(track, BestShots(self._best_shots))
            shots.add(Shot(vector, float(aligned.quality[row]), aligned.info.index))
            fused.append(shots.fuse())
        found: tuple[tuple[Candidate, ...], ...] = ()
        if fused:
            found = self._gallery.search(np.stack([f.template for f in fused]), self._candidates)
        matches = tuple(
            Match(track, f.template, f.frames_fused, f.weight, f.best_quality, people)
            for track, f, people in zip(ids, fused, found, strict=True)
        )
        return Matched(
            info=aligned.info,
            faces=aligned.faces,
            track_ids=aligned.track_ids,
            observed=aligned.observed,
            quality=aligned.quality,
            matches=matches,
            gallery_version=self._gallery.version,
        )

"""Which faces earn an embedding: those whose vector can change the answer.

Embedding every face of every frame costs ten times as much and tells nothing new. A track's first shots are
embedded at once, then only a clearly better shot, and now and then one as a re-check: soon while nobody has
been recognised, rarely once somebody has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32, I64, Bools


@dataclass(frozen=True, slots=True)
class GateRules:
    """When a face is due; see config.schema.Embedding for the reasons."""

    min_quality: float
    first_shots: int
    better_by: float
    """factor over the track's best quality"""
    recheck_s: float
    recheck_known_s: float


@dataclass(slots=True)
class _Shots:
    """What has been embedded of one track."""

    count: int
    best_quality: float
    last_pts_s: float


class EmbedGate:
    """The gate of one camera. Its answers depend on what it is shown, never on timing."""

    def __init__(self, rules: GateRules) -> None:
        self._rules = rules
        self._shots: dict[int, _Shots] = {}

    def due(self, pts_s: float, track_ids: I64, observed: Bools, quality: F32, known: frozenset[int]) -> I64:
        """Rows that earn an embedding, ascending (M,).

        `known` are the tracks that somebody has been recognised in. A track missing from `track_ids` is over
        and forgotten.
        """
        alive = set(track_ids.tolist())
        self._shots = {track: shots for track, shots in self._shots.items() if track in alive}
        rows = [
            row
            for row, track in enumerate(track_ids.tolist())
            if observed[row] and self._take(track, pts_s, float(quality[row]), track in known)
        ]
        return np.asarray(rows, dtype=np.int64)

    def _take(self, track: int, pts_s: float, quality: float, known: bool) -> bool:
        rules = self._rules
        if quality < rules.min_quality:
            return False
        shots = self._shots.get(track)
        if shots is None:
            self._shots[track] = _Shots(1, quality, pts_s)
            return True
        pause_s = rules.recheck_known_s if known else rules.recheck_s
        if (
            shots.count >= rules.first_shots
            and quality < shots.best_quality * rules.better_by
            and pts_s - shots.last_pts_s < pause_s
        ):
            return False
        shots.count += 1
        shots.best_quality = max(shots.best_quality, quality)
        shots.last_pts_s = pts_s
        return True

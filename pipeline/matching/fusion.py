"""A track's template: the quality-weighted mean of its best shots, as long as they are of one face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32
from pipeline.gallery.int8_grid import Kept, to_grid


@dataclass(frozen=True, slots=True)
class Shot:
    """One embedded face of a track."""

    vector: F32
    """(D,) unit length"""
    quality: float
    """in [0, 1], above 0"""
    frame_index: int
    older: F32 | None = None
    """(E,) unit length, the same face by the model that served before; None where it was not asked"""


@dataclass(frozen=True, slots=True)
class Fused:
    """What a track's best shots say together."""

    template: F32
    """(D,) unit length"""
    weight: float
    """sum of the shots' qualities"""
    frames_fused: int
    best_quality: float
    older: F32 | None = None
    """(E,) unit length, of those of the shots that the older model saw too; None of none"""


class BestShots:
    """The best shots of one track: at most `capacity`, best quality first, the earlier one on a tie."""

    def __init__(self, capacity: int, kept: Kept = "float32") -> None:
        self._capacity = capacity
        self._kept: Kept = kept
        self._shots: list[Shot] = []

    @property
    def count(self) -> int:
        """How many are kept."""
        return len(self._shots)

    def add(self, shot: Shot) -> None:
        """Keep this shot if it is among the best."""
        self._shots.append(shot)
        self._shots.sort(key=lambda s: (-s.quality, s.frame_index))
        del self._shots[self._capacity :]

    def fuse(self) -> Fused:
        """z = normalise(sum q_i v_i), the sum in float64 and in order, so that it repeats bit by bit.

        Where vectors are kept as int8, z is brought to the grid: a sighting's takes no more room than a shot's.
        Raises ValueError without a shot. Averaging before comparing is what FaceNet's YouTube protocol
        (mean similarity over frames) amounts to for unit vectors, up to the length of the mean.
        """
        if not self._shots:
            raise ValueError("a track without a shot has no template")
        template = _weighted_mean([(shot.vector, shot.quality) for shot in self._shots])
        before = [(shot.older, shot.quality) for shot in self._shots if shot.older is not None]
        return Fused(
            template=to_grid(template[None])[0] if self._kept == "int8" else template,
            weight=sum(shot.quality for shot in self._shots),
            frames_fused=len(self._shots),
            best_quality=self._shots[0].quality,
            older=_weighted_mean(before) if before else None,
        )


SURE_OF_SHOTS = 2
"""a template of fewer shots may itself be the one that is off: then later ones are fused with it"""


class TrackFace:
    """The face of one track, and the notice that another has taken its place.

    Somebody who steps in front of a tracked face can take its track along: where the boxes are, nothing has
    changed. Their shots have. One shot far from the template may be bad luck and is set aside; a second one that
    is as far, and nearer to the first than to the template, is of somebody else.
    """

    def __init__(self, capacity: int, handover_distance: float, kept: Kept = "float32") -> None:
        """`handover_distance` is a squared L2 distance; with 4 a track is one face for good."""
        self._capacity = capacity
        self._handover_distance = handover_distance
        self._kept: Kept = kept
        self._best = BestShots(capacity, kept)
        self._doubt: Shot | None = None
        self.handovers = 0
        """how often another face has taken the track over"""

    def begin_anew(self, kept: Kept = "float32") -> None:
        """Another model describes the face from now on: what was fused so far says nothing about its vectors.

        It is the same face, so that the track goes on.
        """
        self._kept = kept
        self._best = BestShots(self._capacity, kept)
        self._doubt = None

    def add(self, shot: Shot) -> Fused:
        """What the shots of the face that has the track now say, with this one."""
        doubt, self._doubt = self._doubt, None
        off = self._off(shot)
        if off is None:
            self._best.add(shot)
        elif doubt is not None and _squared_l2(doubt.vector, shot.vector) < off:
            self._best = BestShots(self._capacity, self._kept)
            self._best.add(doubt)
            self._best.add(shot)
            self.handovers += 1
        else:
            self._doubt = shot
        return self._best.fuse()

    def _off(self, shot: Shot) -> float | None:
        """The squared L2 distance of a shot that is too far from the template to be of its face, else None."""
        if self._best.count < SURE_OF_SHOTS:
            return None
        distance = _squared_l2(self._best.fuse().template, shot.vector)
        return distance if distance > self._handover_distance else None


def _weighted_mean(vectors: Sequence[tuple[F32, float]]) -> F32:
    """The direction of the sum of unit vectors (D,), each times its weight; the first where they cancel out."""
    total = np.zeros(vectors[0][0].shape, np.float64)
    for vector, weight in vectors:
        total += weight * vector.astype(np.float64)
    length = float(np.linalg.norm(total))
    return (total / length).astype(np.float32) if length > 1e-9 else vectors[0][0]


def _squared_l2(a: F32, b: F32) -> float:
    return float(np.sum((a.astype(np.float64) - b) ** 2))

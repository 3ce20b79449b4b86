"""A track's template: the quality-weighted mean of its best shots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32


@dataclass(frozen=True, slots=True)
class Shot:
    """One embedded face of a track."""

    vector: F32
    """(D,) unit length"""
    quality: float
    """in [0, 1], above 0"""
    frame_index: int


@dataclass(frozen=True, slots=True)
class Fused:
    """What a track's best shots say together."""

    template: F32
    """(D,) unit length"""
    weight: float
    """sum of the shots' qualities"""
    frames_fused: int
    best_quality: float


class BestShots:
    """The best shots of one track: at most `capacity`, best quality first, the earlier one on a tie."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._shots: list[Shot] = []

    def add(self, shot: Shot) -> None:
        """Keep this shot if it is among the best."""
        self._shots.append(shot)
        self._shots.sort(key=lambda s: (-s.quality, s.frame_index))
        del self._shots[self._capacity :]

    def fuse(self) -> Fused:
        """z = normalise(sum q_i v_i), the sum in float64 and in order, so that it repeats bit by bit.

        Raises ValueError without a shot. Averaging before comparing is what FaceNet's YouTube protocol
        (mean similarity over frames) amounts to for unit vectors, up to the length of the mean.
        """
        if not self._shots:
            raise ValueError("a track without a shot has no template")
        total = np.zeros(self._shots[0].vector.shape, np.float64)
        for shot in self._shots:
            total += shot.quality * shot.vector.astype(np.float64)
        length = float(np.linalg.norm(total))
        template = (
            (total / length).astype(np.float32) if length > 1e-9 else self._shots[0].vector
        )  # opposite vectors cancel out: then the best shot speaks alone
        return Fused(
            template=template,
            weight=sum(shot.quality for shot in self._shots),
            frames_fused=len(self._shots),
            best_quality=self._shots[0].quality,
        )

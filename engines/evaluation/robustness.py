"""VAL at few false accepts when photos are spoiled: FaceNet's Table 4 for this system, and its quality gate's proof.

Photos are spoiled before detection. A face that is not detected any more is at distance 4 from everybody: its
pairs are refused, as a door does. Two questions are asked of every level: what is left when the threshold is
fitted anew to spoiled photos, as the paper does, and what an operator sees, who keeps the one of clean photos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from engines.arrays import F32, F64, I64, Bools
from engines.errors import EvaluationError
from engines.evaluation.face_set import FaceSet
from engines.evaluation.pair_distances import PairDistances, interval, pair_distances, people_draws
from engines.evaluation.verification import MAX_DISTANCE, Interval, distance_matrix

FAR = 1e-3
CLEAN = "clean"
PAPER = {
    "jpeg": {10: 0.673, 20: 0.814, 30: 0.839, 50: 0.855, 70: 0.861, 90: 0.865},
    "size": {40: 0.378, 80: 0.795, 120: 0.845, 160: 0.857, 256: 0.864},
}
"""VAL at FAR 1e-3 of NN1: FaceNet (arXiv 1503.03832), Table 4; sizes are its pixel counts' square roots"""
QUALITY_EDGES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
FACE_PX_EDGES = (0.0, 12.0, 16.0, 20.0, 24.0, 28.0, 32.0, 40.0, 48.0, 64.0, 96.0, 1e9)


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one kind of pair. VAL is the part of genuine pairs accepted, FAR that of impostor pairs."""

    val: float
    """at FAR 1e-3, the threshold fitted to these very pairs"""
    val_interval: Interval
    """95 %, people drawn anew"""
    threshold: float
    """squared L2"""
    val_kept: float
    """at the threshold of clean photos"""
    far_kept: float


@dataclass(frozen=True, slots=True)
class LevelResult:
    """One defect in one strength."""

    defect: str
    level: float
    undetected: float
    """part of the photos in which no face is found"""
    face_px: float
    """median shorter side of the boxes found"""
    quality: float
    """median of the faces found"""
    both: Rates
    """both photos of a pair spoiled, as in the paper"""
    probe: Rates
    """one spoiled, the other clean: a camera's face against a gallery's"""
    paper_val: float | None
    """of FaceNet's NN1 at this level, where its Table 4 has it"""


@dataclass(frozen=True, slots=True)
class GateRow:
    """Spoiled faces found, of one range of what a gate looks at, against clean photos at the clean threshold."""

    low: float
    high: float
    faces: int
    genuine_pairs: int
    val: float | None
    """none without a genuine pair"""
    far: float
    """part of impostor pairs accepted; 1e-3 for clean photos"""
    far_both: float
    """the same against photos that are spoiled alike: what a spoiled template does to a gallery"""


@dataclass(frozen=True, slots=True)
class _Probes:
    """The faces found at one level, as probes against clean photos at the clean threshold."""

    quality: F32
    """(F,)"""
    face_px: F64
    """(F,)"""
    genuine: F64
    """(F,) pairs"""
    accepted: F64
    """(F,) of these"""
    far: F64
    """(F,) part of impostors accepted"""
    far_both: F64
    """(F,) the same among photos spoiled alike"""


@dataclass
class Robustness:
    """Holds spoiled photos to clean ones, level by level."""

    clean: FaceSet
    genuine: Bools
    """(N, N) symmetric: which pairs of photos are compared as genuine"""
    draws: int = 200
    """of people, for the intervals"""
    seed: int = 0
    threshold: float = field(init=False)
    """squared L2 at FAR 1e-3 of clean photos"""
    _probes: dict[str, list[_Probes]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._people = self.clean.person_numbers
        self._draws = people_draws(int(self._people.max()) + 1, self.draws, self.seed)
        self._impostors = self._people[:, None] != self._people[None, :]
        self.threshold = self._pairs(_distances(self.clean, self.clean), ordered=False).threshold(FAR)

    def level(self, defect: str, level: float, spoiled: FaceSet) -> LevelResult:
        """What is left of the clean photos' VAL. Raises EvaluationError where these are other photos."""
        if spoiled.names != self.clean.names:
            raise EvaluationError(
                f"{defect} {level:g}: not the photos that were clean; empty DATA/evaluation and run again"
            )
        against_clean, among = _distances(spoiled, self.clean), _distances(spoiled, spoiled)
        found = spoiled.found
        if defect != CLEAN:
            self._probes.setdefault(defect, []).append(self._as_probes(spoiled, against_clean, among))
        sides = _shorter_sides(spoiled)
        return LevelResult(
            defect=defect,
            level=level,
            undetected=float(np.mean(~found)),
            face_px=float(np.median(sides[found])) if found.any() else 0.0,
            quality=float(np.median(spoiled.quality[found])) if found.any() else 0.0,
            both=self._rates(among, ordered=False),
            probe=self._rates(against_clean, ordered=True),
            paper_val=PAPER.get(defect, {}).get(round(level)),
        )

    def gate_by_quality(self) -> tuple[GateRow, ...]:
        """All spoiled faces found so far, by quality."""
        probes = [each for some in self._probes.values() for each in some]
        return _gate([each.quality.astype(np.float64) for each in probes], probes, QUALITY_EDGES)

    def gate_by_size(self) -> tuple[GateRow, ...]:
        """Faces of shrunk photos, by the shorter side of the box that the detector drew."""
        probes = self._probes.get("size", [])
        return _gate([each.face_px for each in probes], probes, FACE_PX_EDGES)

    def _pairs(self, distances: F32, *, ordered: bool) -> PairDistances:
        weights = np.ones(len(self._people), np.float64)
        return pair_distances(distances, self._people, self.genuine, weights, FAR, ordered=ordered)

    def _rates(self, distances: F32, *, ordered: bool) -> Rates:
        pairs = self._pairs(distances, ordered=ordered)
        threshold = pairs.threshold(FAR)
        return Rates(
            val=1.0 - pairs.refused(threshold),
            val_interval=interval(1.0 - pairs.errors(FAR, self._draws)),
            threshold=threshold,
            val_kept=1.0 - pairs.refused(self.threshold),
            far_kept=float(np.mean(distances[self._impostors] < self.threshold)),
        )

    def _as_probes(self, spoiled: FaceSet, against_clean: F32, among: F32) -> _Probes:
        found, accepted = spoiled.found, against_clean < self.threshold
        impostors = np.maximum(self._impostors.sum(axis=1), 1)
        return _Probes(
            quality=spoiled.quality[found],
            face_px=_shorter_sides(spoiled)[found],
            genuine=self.genuine.sum(axis=1, dtype=np.float64)[found],
            accepted=(accepted & self.genuine).sum(axis=1, dtype=np.float64)[found],
            far=((accepted & self._impostors).sum(axis=1) / impostors)[found],
            far_both=(((among < self.threshold) & self._impostors).sum(axis=1) / impostors)[found],
        )


def pair_matrix(count: int, first: I64, second: I64) -> Bools:
    """(N, N) the pairs of rows (P,) and (P,) of N, both ways."""
    genuine = np.zeros((count, count), np.bool_)
    genuine[first, second] = genuine[second, first] = True
    return genuine


def _distances(a: FaceSet, b: FaceSet) -> F32:
    """Squared L2 (N, M); 4 wherever a face was not found."""
    distances = distance_matrix(a.vectors, b.vectors)
    distances[~a.found] = MAX_DISTANCE
    distances[:, ~b.found] = MAX_DISTANCE
    return distances


def _shorter_sides(faces: FaceSet) -> F64:
    return np.asarray(np.min(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1), np.float64)


def _gate(values: Sequence[F64], probes: Sequence[_Probes], edges: Sequence[float]) -> tuple[GateRow, ...]:
    if not probes:
        return ()
    value = np.concatenate(values)
    genuine = np.concatenate([each.genuine for each in probes])
    accepted = np.concatenate([each.accepted for each in probes])
    far = np.concatenate([each.far for each in probes])
    far_both = np.concatenate([each.far_both for each in probes])
    rows = []
    for low, high in pairwise(edges):
        inside = (value >= low) & ((value < high) | (high == edges[-1]))
        if inside.any():
            pairs = int(genuine[inside].sum())
            val = float(accepted[inside].sum()) / pairs if pairs else None
            fars = float(far[inside].mean()), float(far_both[inside].mean())
            rows.append(GateRow(low, high, int(inside.sum()), pairs, val, *fars))
    return tuple(rows)

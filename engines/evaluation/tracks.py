"""Templates out of several frames: who is missed when a video is one frame, and when several are fused.

All pairs of videos are compared: genuine are two videos of one person, impostors videos of two people. A video
stands for itself with k of its frames fused into a template, k = 1, 2, 3 ...; one frame is what a photo gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Protocol

import numpy as np

from engines.arrays import F32, F64, I64
from engines.errors import EvaluationError
from engines.evaluation.face_set import FaceSet
from engines.evaluation.pair_distances import (
    PairDistances,
    interval,
    pair_distances,
    people_draws,
    ratio_interval,
)
from engines.evaluation.verification import Interval, distance_matrix

FARS = (1e-3, 1e-2)
SINGLE = "single frame"
MAX_TEMPLATES = 10_000
"""their distances are kept at once, in 0.4 GB"""


class Rule(Protocol):
    """Makes the frames of one video a template."""

    def __call__(self, vectors: F32, quality: F32) -> F32:
        """(D,) of unit vectors (k, D) and qualities (k,) above 0. Two are compared by 2 - 2 <a, b>."""
        ...


def mean(vectors: F32, quality: F32) -> F32:
    """The mean direction: every frame counts alike."""
    return _unit(vectors.astype(np.float64).sum(axis=0))


def best_shot(vectors: F32, quality: F32) -> F32:
    """The frame of best quality alone, the first on a tie."""
    best: F32 = vectors[int(np.argmax(quality))]
    return best


def mean_of_pairs(vectors: F32, quality: F32) -> F32:
    """The mean similarity over all pairs of frames, FaceNet's own rule for YouTube Faces (its section 5.7).

    mean_ij <a_i, b_j> = <mean_i a_i, mean_j b_j>: the mean vector, not brought back to unit length.
    """
    return np.asarray(vectors.astype(np.float64).mean(axis=0), np.float32)


RULES: Mapping[str, Rule] = {"mean": mean, "best shot": best_shot, "mean of pairs": mean_of_pairs}
"""beside these stands the product's own, which the command brings along"""


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is left to chance, and how much of it."""

    max_frames: int = 8
    """templates of at most so many frames"""
    subsets: int = 10
    """of a video: all its combinations of k frames where they are no more than this, else so many drawn ones"""
    draws: int = 1000
    """of people, for the intervals"""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class TrackError:
    """1 - VAL of one rule with so many frames, at one false accept rate."""

    rule: str
    frames: int
    far: float
    threshold: float
    """squared L2"""
    error: float
    """part of genuine pairs refused"""
    error_interval: Interval
    """95 %, people drawn anew"""
    ratio: float | None
    """error as a multiple of the single frame's; none for that itself, and where it errs nowhere"""
    ratio_interval: Interval | None
    """95 %, both of the same draws"""


@dataclass(frozen=True, slots=True)
class TrackReport:
    """How much fusing frames helps these people."""

    people: int
    videos: int
    frames: int
    """with a face"""
    without_face: int
    """frames without a detected face: left out, as cameras and FaceNet's protocol do"""
    genuine_pairs: int
    """of videos"""
    impostor_pairs: int
    rows: tuple[TrackError, ...]


@dataclass(frozen=True, slots=True)
class _Measured:
    """A rule's error at one false accept rate."""

    far: float
    threshold: float
    error: float
    drawn: F64
    """(B,) the error when people are drawn anew"""


@dataclass(frozen=True, slots=True)
class _Templates:
    """Of all videos, a row each; some videos have several."""

    vectors: F32
    """(T, D)"""
    videos: I64
    """(T,)"""
    people: I64
    """(T,)"""
    weights: F64
    """(T,) 1 shared among the templates of a video: pairs of videos count alike, however many frames they have"""

    def pairs(self, largest_far: float) -> PairDistances:
        """All pairs of two videos. Raises EvaluationError where there is no genuine or impostor one."""
        same = self.people[:, None] == self.people[None, :]
        same &= self.videos[:, None] != self.videos[None, :]
        distances = distance_matrix(self.vectors, self.vectors)
        return pair_distances(distances, self.people, same, self.weights, largest_far)


def evaluate_tracks(
    faces: FaceSet, rules: Mapping[str, Rule], sampling: Sampling, fars: Sequence[float] = FARS
) -> TrackReport:
    """Every rule with 1, 2, 3 ... frames a video, up to what the longest video has.

    A video with fewer frames than k gives all it has, so that all rows are of the same pairs of videos. Raises
    EvaluationError where no person has two videos, or there is but one person.
    """
    shown = faces.take(np.flatnonzero(faces.found))
    if not len(shown):
        raise EvaluationError("no frame has a face; check that the pictures show people")
    longest = int(np.bincount(shown.group_numbers).max())
    draws = people_draws(len(set(shown.people)), sampling.draws, sampling.seed)
    single = _templates(shown, 1, mean, sampling).pairs(max(fars))
    alone = [_measured(single, far, draws) for far in fars]
    rows = [_row(SINGLE, 1, each, None) for each in alone]
    for frames in range(2, min(longest, sampling.max_frames) + 1):
        for name, rule in rules.items():
            pairs = _templates(shown, frames, rule, sampling).pairs(max(fars))
            rows += [_row(name, frames, _measured(pairs, each.far, draws), each) for each in alone]
    first = np.unique(shown.group_numbers, return_index=True)[1]
    videos_of_people = np.bincount(shown.person_numbers[first])
    videos, genuine = len(first), sum(comb(int(count), 2) for count in videos_of_people)
    return TrackReport(
        people=len(videos_of_people),
        videos=videos,
        frames=len(shown),
        without_face=len(faces) - len(shown),
        genuine_pairs=genuine,
        impostor_pairs=comb(videos, 2) - genuine,
        rows=tuple(rows),
    )


def _measured(pairs: PairDistances, far: float, draws: I64) -> _Measured:
    threshold = pairs.threshold(far)
    return _Measured(far, threshold, pairs.refused(threshold), pairs.errors(far, draws))


def _row(rule: str, frames: int, found: _Measured, single: _Measured | None) -> TrackError:
    comparable = single is not None and single.error > 0
    return TrackError(
        rule=rule,
        frames=frames,
        far=found.far,
        threshold=found.threshold,
        error=found.error,
        error_interval=interval(found.drawn),
        ratio=found.error / single.error if single and comparable else None,
        ratio_interval=ratio_interval(found.drawn, single.drawn) if single and comparable else None,
    )


def _templates(faces: FaceSet, frames: int, rule: Rule, sampling: Sampling) -> _Templates:
    """The templates of all videos. Raises EvaluationError where there are more than can be compared at once."""
    chance = np.random.default_rng(sampling.seed)
    videos, numbers = faces.group_numbers, faces.person_numbers
    vectors: list[F32] = []
    owners: list[int] = []
    weights: list[float] = []
    for video in range(int(videos.max()) + 1):
        rows = np.flatnonzero(videos == video)
        picks = list(_subsets(len(rows), min(frames, len(rows)), sampling.subsets, chance))
        for pick in picks:
            chosen = rows[pick]
            vectors.append(rule(faces.vectors[chosen], faces.quality[chosen]))
            owners.append(int(rows[0]))
            weights.append(1.0 / len(picks))
        if len(vectors) > MAX_TEMPLATES:
            raise EvaluationError(
                f"more than {MAX_TEMPLATES:,} templates; lower --subsets, or give fewer videos"
            )
    first = np.array(owners, np.int64)
    return _Templates(
        np.stack(vectors).astype(np.float32), videos[first], numbers[first], np.array(weights, np.float64)
    )


def _subsets(count: int, size: int, most: int, chance: np.random.Generator) -> Iterable[list[int]]:
    """All choices of `size` of `count` frames, or `most` different drawn ones where there are more."""
    if comb(count, size) <= most:
        return [list(pick) for pick in combinations(range(count), size)]
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < most:
        drawn.add(tuple(sorted(chance.choice(count, size, replace=False).tolist())))
    return [list(pick) for pick in sorted(drawn)]


def _unit(vector: F64) -> F32:
    length = float(np.linalg.norm(vector))
    return np.asarray(vector / max(length, 1e-12), np.float32)

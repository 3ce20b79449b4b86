"""How well vectors tell apart people who were in no training: one protocol for every model that is trained here.

Pairs are drawn from the photos of the people given, by seed and from who they are alone, so that every model is
judged on the same ones. Matched: at most ten pairs a person, so that who has five hundred photos does not decide; of a
video one frame takes part, since its others show the same once more. Mismatched, for the accuracy: as many, each of
two people of one fold. The folds are of people, ten of them, nobody in two. Accuracy is LFW's (engines.evaluation.lfw):
each fold judged by the threshold that suits the other nine best. VAL is FaceNet's (arXiv:1503.03832, section 4), with
the threshold that lets through this part of *all* pairs of two people: millions, so that a rate of 1e-4 is counted and
not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, F64, I64, Bools
from engines.errors import EvaluationError
from engines.evaluation.lfw import score
from engines.evaluation.lfw_pairs import Pairs
from engines.evaluation.verification import (
    MeanSem,
    area_under_roc,
    distance_matrix,
    equal_error_rate,
    mean_sem,
    squared_distances,
    threshold_at_far,
    val_at,
)

FOLDS = 10
MOST_PAIRS = 10
"""matched ones of one person"""
VAL_FAR, STRICT_FAR = 1e-3, 1e-4
PHOTO = -1
"""in the place of a video's number"""
ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What the pairs of some people say about vectors; standard errors are over the folds."""

    people: int
    """all of them, also those with one photo"""
    matched: int
    """pairs of one person, and for the accuracy as many of two"""
    impostors: int
    """all pairs of two people, for VAL and AUC; in both directions where probes are another model's"""
    accuracy: MeanSem
    val: MeanSem
    """matched pairs accepted at FAR 1e-3"""
    val_strict: MeanSem
    """the same at FAR 1e-4"""
    auc: float
    eer: float
    threshold: float
    """squared L2 distance of the best accuracy; mean of the folds'"""


@dataclass(frozen=True, slots=True)
class DrawnPairs:
    """Pairs of rows in folds of people."""

    first: I64
    """(P,)"""
    second: I64
    """(P,)"""
    same: Bools
    """(P,) whether both rows show one person"""
    fold: I64
    """(P,) rising from 0 to 9"""


def held_out(
    vectors: F32, people: I64, probes: F32 | None = None, *, videos: I64 | None = None, seed: int = 0
) -> HeldOut:
    """Judge unit vectors (N, D) of these people (N,), numbered as one likes.

    Args:
        probes: (N, D) another model's vectors of the same photos: each pair is then one of them against one of
            `vectors`, as where a gallery of the one is searched by the other.
        videos: (N,) the number of the video that a row is a frame of, -1 for a photo; None: all are photos.
        seed: another one draws other pairs.

    Raises EvaluationError where fewer than ten people have two photos, so that a fold would have no matched pair.
    """
    numbers = np.unique(people, return_inverse=True)[1].astype(np.int64)
    pairs = draw_pairs(numbers, videos, seed)
    against = vectors if probes is None else probes
    distances = squared_distances(against[pairs.first], vectors[pairs.second])
    names = tuple(map(str, range(len(distances))))
    judged = score(distances, Pairs(names, names, pairs.same, pairs.fold))
    genuine, folds = distances[pairs.same], pairs.fold[pairs.same]
    impostors = _impostors(vectors, numbers, probes)

    def val(far: float) -> MeanSem:
        threshold = threshold_at_far(impostors, far)
        return mean_sem([val_at(genuine[folds == fold], threshold) for fold in range(FOLDS)])

    everything = np.concatenate([genuine, impostors])
    same = np.arange(len(everything)) < len(genuine)
    return HeldOut(
        people=int(numbers.max()) + 1,
        matched=len(genuine),
        impostors=len(impostors),
        accuracy=mean_sem([fold.accuracy for fold in judged.folds]),
        val=val(VAL_FAR),
        val_strict=val(STRICT_FAR),
        auc=area_under_roc(everything, same),
        eer=equal_error_rate(distances, pairs.same),
        threshold=judged.threshold,
    )


def video_numbers(people: Sequence[str], groups: Sequence[str]) -> I64:
    """(N,) the video that each photo is a frame of, counted from 0, or -1 where the group is just the person."""
    numbers = np.unique(np.array(groups), return_inverse=True)[1].astype(np.int64)
    return np.where(np.array(people) == np.array(groups), PHOTO, numbers)


def draw_pairs(people: I64, videos: I64 | None = None, seed: int = 0) -> DrawnPairs:
    """The pairs that people (N,), numbered from 0 without a gap, are judged on. Raises EvaluationError."""
    random = np.random.default_rng(seed)
    rows = _rows_of(people)
    of_video = np.full(len(people), PHOTO, np.int64) if videos is None else videos
    matched = [_matched(each, of_video, random) for each in rows]
    fold_of = _folds(np.array([len(each) for each in matched], np.int64), random)
    pairs, same, fold = [], [], []
    for number in range(FOLDS):
        members = np.flatnonzero(fold_of == number)
        genuine = np.concatenate([matched[member] for member in members])
        mismatched = np.array(list(_mismatched([rows[member] for member in members], len(genuine), random)))
        pairs += [genuine, mismatched]
        same.append(np.repeat([True, False], len(genuine)))
        fold.append(np.full(2 * len(genuine), number, np.int64))
    first, second = np.concatenate(pairs).T
    return DrawnPairs(first, second, np.concatenate(same), np.concatenate(fold))


def _rows_of(people: I64) -> list[I64]:
    """Each person's rows."""
    order = np.argsort(people, kind="stable")
    return [np.asarray(each) for each in np.split(order, np.cumsum(np.bincount(people))[:-1])]


def _matched(rows: I64, videos: I64, random: np.random.Generator) -> I64:
    """At most MOST_PAIRS pairs (M, 2) of one person's photos, and of one frame of each video."""
    shuffled = random.permutation(rows)
    first_of = np.unique(videos[shuffled], return_index=True)[1]
    takes_part = videos[shuffled] == PHOTO
    takes_part[first_of] = True
    able = np.sort(shuffled[takes_part])
    pairs = np.stack(np.triu_indices(len(able), 1), axis=1)
    chosen = random.permutation(len(pairs))[:MOST_PAIRS]
    return np.asarray(able[pairs[np.sort(chosen)]], np.int64)


def _folds(counts: I64, random: np.random.Generator) -> I64:
    """A fold for each person, so that all folds have about as many matched pairs (people,) and people."""
    able = int(np.sum(counts > 0))
    if able < FOLDS:
        raise EvaluationError(
            f"{able} people have two photos, not of one video; held-out figures need {FOLDS} such people, better "
            "hundreds"
        )
    shuffled = random.permutation(len(counts))
    dealt = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    there_and_back = np.concatenate([np.arange(FOLDS), np.arange(FOLDS)[::-1]])
    folds = np.empty(len(counts), np.int64)
    folds[dealt] = np.resize(there_and_back, len(counts))
    return folds


def _mismatched(rows: Sequence[I64], count: int, random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """So many pairs of a photo of one person and a photo of another, people drawn alike, however many photos."""
    if len(rows) < 2:
        raise EvaluationError("held-out figures need two people in each of ten folds; give more people")
    for _ in range(count):
        one, other = random.choice(len(rows), 2, replace=False)
        yield int(random.choice(rows[one])), int(random.choice(rows[other]))


def _impostors(vectors: F32, people: I64, probes: F32 | None) -> F64:
    """The distances (I,) of all pairs of two people."""
    found = []
    columns = np.arange(len(people))
    for start in range(0, len(people), ROWS_AT_ONCE):
        rows = columns[start : start + ROWS_AT_ONCE]
        distances = distance_matrix((vectors if probes is None else probes)[rows], vectors)
        apart = people[rows][:, None] != people[None, :]
        if probes is None:
            apart &= rows[:, None] < columns[None, :]
        found.append(distances[apart])
    return np.concatenate(found).astype(np.float64)

"""Which photos of a set are no good to train on, and why. Pure: on what was found on each photo, and its vector.

Judged are the people of training alone: what is measured on the test half is measured on all of it that can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.sparse.csgraph import connected_components

from engines.arrays import F32, I64
from engines.training.faces_file import FaceRow
from engines.training.near_pairs import near_pairs


class Reason(StrEnum):
    """Why a photo is left out; of several the first."""

    UNREADABLE = "cannot be read"
    NO_FACE = "no face found"
    SMALL = "face too small"
    POOR = "quality too low"
    SAME_PHOTO = "the same photo again"
    TWO_NAMES = "one photo under two names"
    WRONG_FACE = "several faces, and the one in the middle is not like the person's others"
    WHICH_FACE = "several faces of about one size, and no other photo says which is the person's"
    UNLIKE = "not like the person's other photos"


@dataclass(frozen=True, slots=True)
class Limits:
    """What photos are held to."""

    min_face_px: float
    """shorter side in the photo"""
    min_quality: float
    other_person: float
    """squared L2 of the serving embedder, beyond which two photos are taken for two people's"""
    same_photo: float = 0.05
    """squared L2, below which two photos of a person are one: the second teaches nothing. Of the 10,935 pairs of one
    person in LFW and YouTube Faces five are nearer"""
    one_photo: float = 0.2
    """squared L2, below which photos under two names are one photo: in LFW and YouTube Faces six pairs are below 0.15,
    then none up to 0.26"""
    rival: float = 0.75
    """area of another face over that of the one in the middle, from which on either may be meant"""


@dataclass(frozen=True, slots=True)
class Reject:
    """A photo that is left out."""

    row: int
    reason: Reason
    detail: str = ""
    """what is too small, how far, which other photo"""


def find_rejects(
    rows: Sequence[FaceRow],
    people: I64,
    vectors: F32,
    limits: Limits,
    on_done: Callable[[int], None] = lambda _: None,
) -> tuple[Reject, ...]:
    """The photos to leave out, by row.

    Args:
        rows: (N) what was found.
        people: (N,) who is on each, one number a person whatever the folders are called.
        vectors: (N, D) unit length; mapped ones are read in blocks.
        on_done: how many photos were compared with all others.
    """
    found = {row: reject for row, each in enumerate(rows) if (reject := _by_itself(row, each, limits))}
    good = np.array([row for row in range(len(rows)) if row not in found], np.int64)
    kept = np.asarray(vectors[good])
    for reject in _doubles(rows, people, good, kept, limits, on_done):
        found.setdefault(reject.row, reject)
    left = np.array([row not in found for row in good.tolist()], np.bool_)
    for members in _by_person(people[good[left]]):
        chosen = np.flatnonzero(left)[members]
        for reject in _strange(rows, good[chosen], kept[chosen], limits):
            found[reject.row] = reject
    return tuple(found[row] for row in sorted(found))


def _by_itself(row: int, face: FaceRow, limits: Limits) -> Reject | None:
    """What is wrong with a photo, whatever the others are like."""
    if face.problem:
        return Reject(row, Reason.UNREADABLE, face.problem)
    if not face.faces:
        return Reject(row, Reason.NO_FACE)
    if face.side_px < limits.min_face_px:
        return Reject(row, Reason.SMALL, f"{face.side_px:.0f} px; at least {limits.min_face_px:g} are needed")
    if face.quality < limits.min_quality:
        return Reject(row, Reason.POOR, f"{face.quality:.2f}; at least {limits.min_quality:.2f} is needed")
    return None


def _doubles(
    rows: Sequence[FaceRow],
    people: I64,
    good: I64,
    vectors: F32,
    limits: Limits,
    on_done: Callable[[int], None],
) -> list[Reject]:
    """Photos that are there again: the later of one person's, both of two people's, since one of the names is wrong."""
    found: list[Reject] = []
    pairs = near_pairs(vectors, vectors, limits.one_photo, on_done)
    for first, second, distance in zip(good[pairs.first], good[pairs.second], pairs.distances, strict=True):
        if people[first] != people[second]:
            found.append(Reject(int(second), Reason.TWO_NAMES, rows[first].name))
        elif first < second and distance < limits.same_photo:
            found.append(Reject(int(second), Reason.SAME_PHOTO, rows[first].name))
    return found


def _strange(rows: Sequence[FaceRow], members: I64, vectors: F32, limits: Limits) -> list[Reject]:
    """Of one person's photos (n,) those that do not belong to the most: not linked to them by pairs that are near.

    Frames of one video show one face, right or wrong, so they count as one. Where two groups are as large as each
    other nobody can tell which is the person, and both go.
    """
    if len(members) == 1:
        only = rows[members[0]]
        return [Reject(int(members[0]), Reason.WHICH_FACE)] if only.rival >= limits.rival else []
    near = vectors @ vectors.T > 1.0 - limits.other_person / 2.0
    parts = connected_components(near, directed=False)[1]
    videos = [rows[row].group if "/" in rows[row].group else rows[row].name for row in members.tolist()]
    weights = [
        len({videos[place] for place in np.flatnonzero(parts == part)}) for part in range(parts.max() + 1)
    ]
    best = [part for part, weight in enumerate(weights) if weight == max(weights)]
    return [
        _unlike(rows, members, place, vectors)
        for place in range(len(members))
        if len(best) > 1 or parts[place] != best[0]
    ]


def _unlike(rows: Sequence[FaceRow], members: I64, place: int, vectors: F32) -> Reject:
    """The reject of one of a person's photos."""
    row = int(members[place])
    near = vectors @ vectors[place]
    near[place] = -1.0
    detail = f"distance {2.0 - 2.0 * float(near.max()):.2f} to the nearest of {len(members) - 1}"
    return Reject(row, Reason.WRONG_FACE if rows[row].faces > 1 else Reason.UNLIKE, detail)


def _by_person(people: I64) -> list[I64]:
    """The places of each person's photos."""
    order = np.argsort(people, kind="stable")
    borders = np.flatnonzero(np.diff(people[order])) + 1
    return [part.astype(np.int64) for part in np.split(order, borders) if len(part)]

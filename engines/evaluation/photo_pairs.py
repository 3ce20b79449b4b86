"""Pairs of photos of a set without a list of pairs: all that say something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.arrays import F64, I64
from engines.errors import EvaluationError
from engines.evaluation.face_set import FaceSet
from engines.evaluation.lfw_pairs import Pairs
from engines.evaluation.verification import squared_distances


@dataclass(frozen=True, slots=True)
class PhotoPairs:
    """Genuine pairs, and the distances of impostor pairs."""

    first: I64
    """(G,) rows of genuine pairs"""
    second: I64
    """(G,)"""
    genuine: F64
    """(G,) squared L2"""
    impostors: F64
    """(I,) squared L2"""


def all_pairs(faces: FaceSet) -> PhotoPairs:
    """Every two photos: genuine are those of one person, impostors those of two people.

    Frames of one video are alike whatever their quality, so a person's photos of one group are no pair where
    groups are videos. Raises EvaluationError where there is no genuine pair, or none of impostors, or no face.
    """
    people, groups, vectors = faces.person_numbers, faces.group_numbers, faces.vectors.astype(np.float64)
    in_video = np.array(
        [group != person for group, person in zip(faces.groups, faces.people, strict=True)], np.bool_
    )
    first, second, genuine, impostors = [], [], [], []
    for row in range(len(faces) - 1):
        distances = np.clip(2.0 - 2.0 * (vectors[row + 1 :] @ vectors[row]), 0.0, 4.0)
        same = people[row + 1 :] == people[row]
        one_video = in_video[row] & (groups[row + 1 :] == groups[row])
        mates = np.flatnonzero(same & ~one_video)
        first.append(np.full(len(mates), row, np.int64))
        second.append(mates + row + 1)
        genuine.append(distances[mates])
        impostors.append(distances[~same])
    return _checked(
        faces,
        *(np.concatenate([np.zeros(0, np.int64), *rows]) for rows in (first, second)),
        *(np.concatenate([np.zeros(0), *values]) for values in (genuine, impostors)),
    )


def listed_pairs(faces: FaceSet, pairs: Pairs, source: str) -> PhotoPairs:
    """The pairs of a list. Raises EvaluationError, which calls the photos `source`, where some are missing, and as
    `all_pairs`."""
    rows = pairs.rows_in(faces.names, source)
    distances = squared_distances(faces.vectors[rows.first], faces.vectors[rows.second])
    return _checked(
        faces, rows.first[pairs.same], rows.second[pairs.same], distances[pairs.same], distances[~pairs.same]
    )


def _checked(faces: FaceSet, first: I64, second: I64, genuine: F64, impostors: F64) -> PhotoPairs:
    if not faces.found.any():
        raise EvaluationError("no photo has a face; check that the pictures show people")
    if not len(genuine) or not len(impostors):
        missing = "impostor" if len(genuine) else "genuine"
        raise EvaluationError(
            f"there is no {missing} pair; give photos of at least two people, two of at least one of them"
        )
    return PhotoPairs(first, second, genuine, impostors)

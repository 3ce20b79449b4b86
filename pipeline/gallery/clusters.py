"""Photos of unknown people grouped by person: agglomerative clustering, as the FaceNet paper has it (section 5.8).

Every face begins as a group of its own, and the two groups that are nearest are merged as long as they are nearer
than a threshold. How far apart two groups are is the linkage: `average`, the mean squared L2 distance over all pairs
of their faces, is the one to use; docs/evaluate.md compares them.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.errors import BadInputError
from pipeline.gallery.vectors import MAX_DISTANCE, check_unit

Linkage = Literal["average", "complete", "single", "ward"]
LINKAGES: tuple[Linkage, ...] = get_args(Linkage)

MAX_FACES = 20_000
"""memory grows with the square: 10,000 faces took 1 GB and 10 s, so these take 4 GB and 40 s"""

LAXEST_RATE = 0.01
"""of a handful of faces; all 140 pairs of one person among LFW's development people are nearer than that distance, so
that a larger one would find no more of them"""


def false_match_rate(max_fpir: float, faces: int) -> float:
    """The rate of strangers' pairs at which so many of the faces have a stranger within reach, up to LAXEST_RATE.

    Clustering N faces is searching for each among the N - 1 others: FPIR = 1 - (1 - FMR)^(N - 1), were all of them
    strangers. `max_fpir` in (0, 1).

    >>> round(false_match_rate(0.1, 101), 5), false_match_rate(0.1, 2)
    (0.00105, 0.01)
    """
    if not 0.0 < max_fpir < 1.0:
        raise ValueError(f"max_fpir must be between 0 and 1, got {max_fpir}")
    return min(float(-np.expm1(np.log1p(-max_fpir) / max(faces - 1, 1))), LAXEST_RATE)


def group_faces(vectors: F32, max_distance: float, linkage: Linkage = "average") -> I64:
    """The group of each face (N,), counted from 0: the largest first, then the one with the first face.

    Args:
        vectors: (N, D) unit length.
        max_distance: squared L2 in [0, 4]; groups are merged below it. For `ward`, whose distances grow with the
            groups' sizes, it is so for two single faces.

    Raises BadInputError for more faces than fit into memory.
    """
    from sklearn.cluster import AgglomerativeClustering

    if not 0.0 <= max_distance <= MAX_DISTANCE:
        raise ValueError(f"max_distance must be 0 to {MAX_DISTANCE:g}, got {max_distance}")
    check_faces(len(vectors))
    if len(vectors) < 2:
        return np.zeros(len(vectors), np.int64)
    check_unit("vectors", vectors, vectors.shape[1])
    ward = linkage == "ward"
    model = AgglomerativeClustering(
        n_clusters=None,
        distance_threshold=max_distance**0.5 if ward else max_distance,
        linkage=linkage,
        metric="euclidean" if ward else "sqeuclidean",
    )
    return largest_first(np.asarray(model.fit_predict(vectors), np.int64))


def check_faces(count: int) -> None:
    """Raise BadInputError for more faces than can be grouped at once."""
    if count > MAX_FACES:
        raise BadInputError(
            f"more than {MAX_FACES:,} faces: comparing all of them needs too much memory; "
            "cluster fewer photos at a time, a folder or a day"
        )


def largest_first(groups: I64) -> I64:
    """The same groups (N,), renumbered from 0 by size, then by their first face."""
    _, first, number, size = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    place = np.empty(len(size), np.int64)
    place[np.lexsort((first, -size))] = np.arange(len(size))
    return np.asarray(place[number], np.int64)

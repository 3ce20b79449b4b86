"""How well groups of faces agree with people: over pairs of faces, and over faces (B-cubed).

Pairwise, a pair of faces in one group is right where both show one person:

    precision = pairs in one group and of one person / pairs in one group
    recall    = pairs in one group and of one person / pairs of one person

so that a person with many photos counts by their square. B-cubed (Bagga and Baldwin, 1998) counts every face once:
precision is the share of a face's group that shows its person, recall the share of its person's faces that are in its
group, itself included, each averaged over the faces. F is the harmonic mean of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from engines.arrays import F32, F64, I64
from engines.errors import EvaluationError

GRID = np.round(np.arange(0.3, 2.501, 0.02), 2)
"""thresholds that `best_cut` tries, squared L2"""
WARD_GRID = np.round(np.arange(0.3, 10.001, 0.05), 2)
"""the same for Ward's distances, squared, which grow with the groups and know no bound"""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision and recall, both in [0, 1]."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """Their harmonic mean; 0 where both are."""
        both = self.precision + self.recall
        return 2.0 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True, slots=True)
class ClusterQuality:
    """Groups of faces held against the people they show."""

    faces: int
    people: int
    groups: int
    whole_people: int
    """people all of whose faces are in one group, and nobody else's"""
    pairwise: Agreement
    """over pairs of two different faces; precision is 1 where no pair is in one group"""
    b_cubed: Agreement


@dataclass(frozen=True, slots=True)
class Cut:
    """Groups at the threshold that suits one set best."""

    threshold: float
    """squared L2"""
    groups: I64
    """(N,)"""
    quality: ClusterQuality


def cluster_quality(people: ArrayLike, groups: ArrayLike) -> ClusterQuality:
    """Hold groups (N,) against the people (N,) of the same faces, numbered in any way. Raises EvaluationError."""
    named, grouped = np.asarray(people), np.asarray(groups)
    if named.shape != grouped.shape or named.ndim != 1:
        raise ValueError(f"people and groups must be (N,), got {named.shape} and {grouped.shape}")
    if not len(named):
        raise EvaluationError("no face to group; give photos that show faces")
    _, person, of_person = np.unique(named, return_inverse=True, return_counts=True)
    _, group, in_group = np.unique(grouped, return_inverse=True, return_counts=True)
    cells, common = np.unique(person * len(in_group) + group, return_counts=True)
    size_of_person, size_of_group = of_person[cells // len(in_group)], in_group[cells % len(in_group)]
    right, grouped_pairs, person_pairs = _pairs(common), _pairs(in_group), _pairs(of_person)
    return ClusterQuality(
        faces=len(named),
        people=len(of_person),
        groups=len(in_group),
        whole_people=int(np.sum((common == size_of_person) & (common == size_of_group))),
        pairwise=Agreement(
            right / grouped_pairs if grouped_pairs else 1.0, right / person_pairs if person_pairs else 1.0
        ),
        b_cubed=Agreement(
            float(np.sum(common * (common / size_of_group)) / len(named)),
            float(np.sum(common * (common / size_of_person)) / len(named)),
        ),
    )


def best_cut(vectors: F32, people: ArrayLike, linkage: str) -> Cut:
    """The threshold of a grid with the best B-cubed F, found with the answers at hand: what the linkage could do.

    Of unit vectors (N, D), two at least; the first of equally good ones. Ward's distances are brought to squares.
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import pdist

    ward = linkage == "ward"
    tree: F64 = hierarchy.linkage(pdist(vectors, "euclidean" if ward else "sqeuclidean"), linkage)
    best: Cut | None = None
    for threshold in (WARD_GRID if ward else GRID).tolist():
        groups = np.asarray(
            hierarchy.fcluster(tree, threshold**0.5 if ward else threshold, "distance"), np.int64
        )
        quality = cluster_quality(people, groups)
        if best is None or quality.b_cubed.f > best.quality.b_cubed.f:
            best = Cut(threshold, groups, quality)
    assert best is not None
    return best


def _pairs(counts: I64) -> int:
    """Pairs of two different faces in groups of these sizes."""
    return int(np.sum(counts.astype(np.int64) * (counts.astype(np.int64) - 1) // 2))

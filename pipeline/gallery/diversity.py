"""Which of a person's templates say the least: what goes when there are more than are kept."""

from __future__ import annotations

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.gallery.agreement import distances_between


def redundant(vectors: F32, qualities: F32, keep: int) -> I64:
    """Rows of the templates to drop, ascending, so that at most `keep` are left.

    One by one: of the two that are nearest to each other the poorer one goes, on a tie the one that has another
    near as well. The two that are farthest apart stay where two are kept: they span what the person looks like.
    Age plays no part, and no order but that of exact ties.

    Args:
        vectors: (N, D) of unit length, of one model.
        qualities: (N,).
        keep: at least 1.
    """
    if keep < 1:
        raise ValueError(f"keep must be at least 1, got {keep}")
    count = len(vectors)
    if count <= keep:
        return np.zeros(0, np.int64)
    if keep == 1:
        return np.delete(np.arange(count), int(np.argmax(qualities)))
    apart = distances_between(vectors, vectors).astype(np.float64)
    spanning = _farthest(apart, qualities)
    np.fill_diagonal(apart, np.inf)
    kept = np.arange(count)
    while len(kept) > keep:
        among = np.sort(apart[np.ix_(kept, kept)], axis=1)
        free = np.flatnonzero(~np.isin(kept, spanning))
        # Nearest neighbour first, then quality, then the neighbours beyond: the last key sorts first.
        order = np.lexsort((among[free, 1], qualities[kept[free]], among[free, 0]))
        kept = np.delete(kept, free[order[0]])
    return np.setdiff1d(np.arange(count), kept)


def _farthest(apart: np.ndarray[tuple[int, ...], np.dtype[np.float64]], qualities: F32) -> I64:
    """The two rows (2,) of (N, N) distances that are farthest apart, the better ones on a tie."""
    a, b = np.triu_indices(len(apart), 1)
    better = qualities[a].astype(np.float64) + qualities[b]
    first = np.lexsort((-better, -apart[a, b]))[0]
    return np.array([a[first], b[first]], np.int64)

"""Which of several photos show the person that the others show."""

from __future__ import annotations

import numpy as np

from pipeline.arrays import F32, Bools
from pipeline.gallery.vectors import squared_l2


def distances_between(a: F32, b: F32) -> F32:
    """Squared L2 of each of (N, D) to each of (M, D) unit vectors, as (N, M)."""
    if not len(a):
        return np.zeros((0, len(b)), np.float32)
    return np.stack([squared_l2(one, b) for one in a])


def agreeing(known: F32, new: F32, max_distance: float) -> Bools:
    """Which new vectors (N, D) belong to the person of the known ones (K, D), as (N,).

    A photo belongs if it is nearer than `max_distance` to a known one or to another that belongs, so that the
    order of photos does not matter. Where nothing is known, the largest group that holds together is the
    person, the one with the first photo on a tie: one wrong photo at the front refuses itself, not the rest.
    """
    near = distances_between(new, new) < max_distance
    if len(known):
        return _reach(near, np.any(distances_between(new, known) < max_distance, axis=1))
    best = np.zeros(len(new), np.bool_)
    grouped = np.zeros(len(new), np.bool_)
    for row in range(len(new)):
        if not grouped[row]:
            group = _reach(near, np.arange(len(new)) == row)
            grouped |= group
            if group.sum() > best.sum():
                best = group
    return best


def _reach(near: Bools, start: Bools) -> Bools:
    """The rows that a chain of near rows (N, N) connects with the start (N,)."""
    reached = start.copy()
    while True:
        wider = reached | np.any(near[reached], axis=0)
        if np.array_equal(wider, reached):
            return reached
        reached = wider

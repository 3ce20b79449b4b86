"""The early stop of ML-ANN: how near a template must be for nobody else to be meant."""

from __future__ import annotations

import numpy as np

from pipeline.arrays import F32, I64

SAMPLE = 1024
"""templates whose nearest other is known; the 1 % quantile is then the tenth of them"""

FEWEST = 100
"""with fewer, a quantile of 1 % is a minimum, and nothing ends early"""

_BLOCK_ROWS = 8192


class NearestOthers:
    """The distances of a sample of templates to their nearest template of somebody else.

    A removed template goes on counting as somebody's nearest until the sample is drawn anew: distances are then
    too small, and a stop at their quantile too careful, never too bold.
    """

    def __init__(self, labels: I64, owners: I64, vectors: F32) -> None:
        """Of a gallery, labels and whose each template is (R,), vectors (R, D): a sample spread evenly over it."""
        step = max(-(-len(vectors) // SAMPLE), 1)
        self.drawn_from = len(vectors)
        """templates there were"""
        self._labels, self._owners = labels[::step].copy(), owners[::step].copy()
        self._vectors = vectors[::step].copy()
        self._nearest = np.full(len(self._vectors), np.inf, np.float32)
        self.add(owners, vectors)

    def add(self, owners: I64, vectors: F32) -> None:
        """More templates (N, D), of these owners (N,), that may be nearer than those before."""
        for start in range(0, len(vectors), _BLOCK_ROWS):
            some = slice(start, start + _BLOCK_ROWS)
            distances = 2.0 - 2.0 * (self._vectors @ vectors[some].T)
            distances[self._owners[:, None] == owners[None, some]] = np.inf
            np.minimum(self._nearest, distances.min(axis=1, initial=np.inf), out=self._nearest)

    def remove(self, labels: I64) -> None:
        """Templates that are gone: their vectors do not stay in the sample."""
        kept = ~np.isin(self._labels, labels)
        self._labels, self._owners = self._labels[kept], self._owners[kept]
        self._vectors, self._nearest = self._vectors[kept], self._nearest[kept]

    def quantile(self, alpha: float) -> float:
        """The distance that the share `alpha` of the sample is nearer than; 0 where they are too few to say."""
        finite = self._nearest[np.isfinite(self._nearest)]
        if len(finite) < FEWEST:
            return 0.0
        return max(float(np.quantile(finite, alpha)), 0.0)

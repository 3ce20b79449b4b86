"""The order of ML-ANN in a small gallery: the similarities of all templates are known, and each one looked at tells
about all others.
"""

from __future__ import annotations

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.gallery.indexes.mlann_settings import RIVALS
from pipeline.gallery.indexes.mlann_visit import Visit

BLOCK = 4
"""templates looked at before the order is drawn up anew: 1 needs a few distances less and takes three times as long"""

SMALLEST_REST = 1e-3
"""of a template's squared length outside what is known already; with less it tells nothing new but rounding"""

_FIRST_CAPACITY = 64


class FullReferences:
    """Inner products (R, R) of all templates; R² * 4 bytes, so for small galleries. Implements `References`."""

    cost = 0

    def __init__(self) -> None:
        self._products = np.zeros((_FIRST_CAPACITY, _FIRST_CAPACITY), np.float32)

    def append(self, known: F32, vectors: F32) -> None:
        """A row and a column for each new template: one product with every other."""
        start, stop = len(known), len(known) + len(vectors)
        if stop > len(self._products):
            larger = np.zeros((max(stop, 2 * len(self._products)),) * 2, np.float32)
            larger[:start, :start] = self._products[:start, :start]
            self._products = larger
        across = vectors @ known.T
        self._products[start:stop, :start] = across
        self._products[:start, start:stop] = across.T
        self._products[start:stop, start:stop] = vectors @ vectors.T

    def move(self, source: int, target: int) -> None:
        self._products[target] = self._products[source]
        self._products[:, target] = self._products[:, source]
        self._products[target, target] = self._products[source, source]
        self._products[source] = 0.0
        self._products[:, source] = 0.0

    def likeness(self, row: int, count: int) -> F32:
        return self._products[row, :count].copy()

    def search(self, visit: Visit) -> None:
        """A few templates at a time, each time those that the distances so far make most likely."""
        size = len(visit.vectors)
        evidence = Evidence(self._products[:size, :size], visit.limits.most)
        for rows, distances in zip(visit.rows, visit.distances, strict=True):
            evidence.add(rows, 1.0 - distances / 2.0)
        while len(rows := visit.next(evidence.bounds(visit.limits.rest), BLOCK)):
            evidence.add(rows, visit.look(rows))
            if visit.near_enough():
                # The next ones too, so that no rival is overlooked whom the distances so far speak for.
                visit.look(visit.next(evidence.bounds(visit.limits.rest), RIVALS))
                visit.stopped = not visit.certain
                return


class Evidence:
    """What the distances seen so far say about every template of a gallery.

    A probe of person mu has inner products with the templates looked at that err from mu's own by a normal
    noise. It is not independent: two templates that are alike err alike, with the covariance G of their own inner
    products. The exponent of the joint likelihood, (x - x_mu)' G^-1 (x - x_mu), is the squared distance of probe
    and mu within the span of the templates looked at, and Gram-Schmidt gives it a coordinate at a time.
    With what the two may differ in outside of it, it is a bound that the true distance never falls below.
    """

    def __init__(self, products: F32, most: int) -> None:
        """`products`: (R, R) of the gallery; `most` templates will be told of."""
        size = len(products)
        self._gallery = products
        self._axes = np.empty((min(most, size), size), np.float32)
        self._probe = np.empty(min(most, size), np.float32)
        self._known = 0
        self._inner = np.zeros(size, np.float32)
        self._rest = np.ones(size, np.float32)
        self._probe_rest = 1.0

    def add(self, rows: I64, products: F32) -> None:
        """The inner products (N,) of the probe with these templates (N,)."""
        known = self._axes[: self._known]
        mixing = known[:, rows].T
        told = self._gallery[rows] - mixing @ known
        said = products - mixing @ self._probe[: self._known]
        for place, row in enumerate(rows.tolist()):
            rest = float(told[place, row])
            if rest < SMALLEST_REST:
                continue
            axis = told[place] / np.float32(np.sqrt(rest))
            length = float(said[place]) / np.sqrt(rest)
            mixed = axis[rows[place + 1 :]]
            told[place + 1 :] -= mixed[:, None] * axis
            said[place + 1 :] -= mixed * np.float32(length)
            self._axes[self._known], self._probe[self._known] = axis, length
            self._known += 1
            self._inner += np.float32(length) * axis
            self._rest -= np.square(axis)
            self._probe_rest -= length * length

    def bounds(self, cosine: float = 1.0) -> F32:
        """(R,) squared L2 that each template is at least away if what is outside of the span has this cosine."""
        outside = np.sqrt(np.maximum(self._rest, 0.0) * np.float32(max(self._probe_rest, 0.0)))
        outside *= np.float32(cosine)
        bounds: F32 = 2.0 - 2.0 * (self._inner + outside)
        return bounds

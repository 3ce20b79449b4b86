"""One probe's way through a gallery: which templates were looked at, what it cost, and when it may end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from pipeline.arrays import F32, I64, Bools
from pipeline.gallery.indexes.exact import PRODUCT_ERROR

SLACK = 1e-4
"""added to a distance before a bound is compared with it: bounds come from float32 sums and err by less than 1e-5"""

LOOKED_ROWS = 4096
"""vectors gathered for one product: bounds the scratch memory"""

FARTHEST = 8.0
"""above every distance and below inf, which stands for hidden"""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a search ends, apart from being certain."""

    most: int
    """distances that may be computed, references and the warm check included"""
    count: int
    """nearest templates wanted"""
    stop: float
    """squared L2; a template nearer than this ends the search. 0: nothing does"""
    reach: float = np.inf
    """squared L2; who is farther away need not be told from others who are. inf: everybody is"""
    rest: float = 1.0
    """cosine that what is not known yet of probe and template may have; below 1 the search ends when it is likely
    that nobody nearer is left, and not only when it is certain"""


@dataclass(slots=True)
class Visit:
    """What has been looked at for one probe. Rows are places in the gallery, not labels."""

    probe: F32
    """(D,)"""
    vectors: F32
    """(R, D) the gallery, rows as they stand while this search lasts"""
    limits: Limits
    hidden: Bools
    """(R,) rows that are not to be looked at: looked at already, or not among those asked for"""
    spent: int = 0
    """distances computed"""
    rows: list[I64] = field(default_factory=list)
    distances: list[F32] = field(default_factory=list)
    best: float = np.inf
    best_row: int = -1
    stopped: bool = False
    """a template was so near that the search ended"""
    certain: bool = False
    """no template that was not looked at can be among the nearest"""

    @property
    def left(self) -> int:
        """Distances that may still be computed."""
        return self.limits.most - self.spent

    def look(self, rows: I64) -> F32:
        """Compute the inner products (N,) with these rows, none of them hidden, and remember the distances."""
        products = np.empty(len(rows), np.float32)
        for start in range(0, len(rows), LOOKED_ROWS):
            some = slice(start, start + LOOKED_ROWS)
            products[some] = self.vectors[rows[some]] @ self.probe
        self.spent += len(rows)
        self.hidden[rows] = True
        self.rows.append(rows)
        distances = np.maximum(2.0 - 2.0 * products, 0.0)
        self.distances.append(distances)
        if len(rows):
            nearest = int(distances.argmin())
            if distances[nearest] < self.best:
                self.best, self.best_row = float(distances[nearest]), int(rows[nearest])
        return products

    def near_enough(self) -> bool:
        """Whether a template is so near that the search may end: the early stop."""
        return self.best < self.limits.stop

    def worst(self) -> float:
        """Distance of the last of the `count` nearest so far; inf while there are fewer."""
        count = self.limits.count
        looked = np.concatenate(self.distances) if self.distances else np.zeros(0, np.float32)
        if len(looked) < count:
            return np.inf
        return float(np.partition(looked, count - 1)[count - 1])

    def next(self, bounds: F32, at_most: int) -> I64:
        """The most likely rows that can still be among the nearest, in no order; none: then it is certain.

        Args:
            bounds: (R,) no template is nearer than this; lowest first is most likely first. Overwritten where
                rows are hidden.
            at_most: of them.
        """
        bounds[self.hidden] = np.inf
        worst, wanted = self.worst(), max(min(at_most, self.left), 0)
        if worst == np.inf and 0 < wanted < len(bounds):
            rows = np.argpartition(bounds, wanted - 1)[:wanted]
            rows = rows[bounds[rows] < np.inf]
            self.certain = not len(rows)
            return rows.astype(np.int64, copy=False)
        rows = np.flatnonzero(bounds <= min(worst + SLACK, self.limits.reach, FARTHEST))
        self.certain = not len(rows) and self.limits.rest == 1.0
        if len(rows) > wanted:
            rows = rows[np.argpartition(bounds[rows], wanted - 1)[:wanted]] if wanted else rows[:0]
        return rows.astype(np.int64, copy=False)

    def nearest(self) -> I64:
        """Rows that may be the `count` nearest of those looked at: within the product's error of the border, all."""
        rows, looked = np.concatenate(self.rows), np.concatenate(self.distances)
        if len(rows) <= self.limits.count:
            return rows
        kept: I64 = rows[looked <= self.worst() + 2 * PRODUCT_ERROR]
        return kept


class References(Protocol):
    """What is known of a gallery beforehand, so that few distances tell which templates a probe can be near.

    Rows are those of the gallery; only the writer appends and moves, and never while a search runs over rows
    that it changes.
    """

    @property
    def cost(self) -> int:
        """Distances that each search computes before it looks at a template."""
        ...

    def append(self, known: F32, vectors: F32) -> None:
        """Learn of vectors (N, D) that will stand behind `known` (R, D)."""
        ...

    def move(self, source: int, target: int) -> None:
        """The row `source`, the last one, takes the place of `target`, which is gone; then forget `source`."""
        ...

    def likeness(self, row: int, count: int) -> F32:
        """How like this template the others are (R,): inner products, or nearly, without a distance computed."""
        ...

    def search(self, visit: Visit) -> None:
        """Look at templates, likely ones first, until certain, near enough, or out of budget."""
        ...

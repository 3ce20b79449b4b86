"""Maximum-likelihood approximate nearest neighbours (ML-ANN): few distances, each chosen by those seen before.

After A. V. Savchenko, "Maximum-likelihood approximate nearest neighbor method in real-time image recognition",
Pattern Recognition 61 (2017) 459-469. What we changed, and why, is in docs/mlann.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Self

import numpy as np

from pipeline.arrays import F32, I64, Bools, check_array
from pipeline.gallery.indexes.exact import check_known, check_new, empty_neighbours, fill
from pipeline.gallery.indexes.index import Neighbours
from pipeline.gallery.indexes.mlann_axes import MOST, AxisReferences, principal_axes
from pipeline.gallery.indexes.mlann_full import FullReferences
from pipeline.gallery.indexes.mlann_rows import TemplateRows
from pipeline.gallery.indexes.mlann_settings import FAMILIAR, LIKELY_REST, REACH, RIVALS, Settings
from pipeline.gallery.indexes.mlann_stop import NearestOthers
from pipeline.gallery.indexes.mlann_visit import Limits, References, Visit
from pipeline.gallery.vectors import check_unit, squared_l2

ABOUT_FILE = "mlann.json"
APPENDED = 4096
"""templates in one step of building: bounds the scratch memory"""

Owners = Callable[[I64], I64]
"""whose these templates (N,) are, as numbers (N,): the same person, the same number"""


@dataclass(slots=True)
class Spent:
    """What searches have cost since the index was made; a benchmark takes differences."""

    searches: int = 0
    distances: int = 0
    """computed, to references and templates; the warm check is one of them"""
    stopped: int = 0
    """searches that ended at a template nearer than the early stop"""
    certain: int = 0
    """searches whose answer is proven to be exact's"""

    def take(self, visit: Visit) -> None:
        """Count one search more."""
        self.searches += 1
        self.distances += visit.spent
        self.stopped += visit.stopped
        self.certain += visit.certain


class MlannIndex:
    """Looks at the most likely templates only. Implements `pipeline.gallery.indexes.index.Index`.

    With `budget` 1 and no early stop its answers are those of exact search, bit for bit.
    """

    def __init__(
        self, dimension: int, settings: Settings | None = None, *, owners: Owners | None = None
    ) -> None:
        """`owners`: without it every template is somebody of its own, which makes the early stop more careful."""
        self.dimension = dimension
        self.spent = Spent()
        self.stop = 0.0
        """squared L2 below which a template ends a search: the alpha-quantile, never above what is accepted"""
        self.familiar = 0.0
        """squared L2 below which a probe may be taken for the person it was hinted to be"""
        self._settings = settings or Settings()
        self._owners_of = owners or np.copy
        self._rows = TemplateRows(dimension)
        self._references: References = FullReferences()
        self._chosen_at = 0
        self._accept = 0.0
        self._others: NearestOthers | None = None
        self._rivals: dict[int, I64] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return self._rows.count

    def know_owners(self, owners: Owners) -> None:
        """Whose templates are, those that are here already included. For the thread that adds and removes.

        Told so of somebody's templates when they come in, it may count them as another's after a merge: that makes the
        early stop more careful, no more.
        """
        self._owners_of = owners
        with self._lock:
            self._rows.owners[: len(self)] = owners(self._rows.labels[: len(self)])
            self._rivals.clear()
        self.stop_below(self._accept)

    def stop_below(self, accept: float) -> None:
        """Let searches end early at templates nearer than `accept`, squared L2; 0: never, as it is at first.

        For the thread that adds and removes: it computes the distances of a thousand templates to all others.

        Args:
            accept: the distance below which a name is given. A search that ended at a template which is then
                refused might have missed one that is not, so the early stop is never above it.
        """
        self._accept, self._others = accept, None
        self._learn_stop(self._rows.owners[:0], self._rows.vectors[:0])

    def add(self, labels: I64, vectors: F32) -> None:
        """Append the templates: each costs its distances to the references, and is found once all are there."""
        check_new(labels, vectors, self.dimension, self._rows.row_of)
        if not len(labels):
            return
        owners, start = self._owners_of(labels), len(self)
        stop = self._rows.write(labels, owners, vectors)
        references = self._chosen(stop)
        if references is None:
            append(self._references, self._rows.vectors, start, stop)
        self._commit(stop, references)
        self._learn_stop(owners, vectors)

    def remove(self, labels: I64) -> None:
        """Remove the templates; the last row moves into each gap."""
        check_known(labels, self._rows.row_of)
        for label in labels.tolist():
            with self._lock:  # for each alone: a search waits for one row to move
                row = self._rows.remove(label)
                self._references.move(len(self), row)
                self._rivals.clear()
        if self._others is not None:
            self._others.remove(labels)
        references = self._chosen(len(self))
        if references is not None:
            self._commit(len(self), references)
        self._learn_stop(self._rows.owners[:0], self._rows.vectors[:0])

    def search(
        self, probes: F32, count: int, *, among: I64 | None = None, near: I64 | None = None
    ) -> Neighbours:
        """The nearest of the templates looked at, at least `count` where there are so many."""
        check_unit("probes", probes, self.dimension)
        found = empty_neighbours(len(probes), count)
        for row, probe in enumerate(probes):
            with self._lock:
                allowed = None if among is None else self._rows.only(among)
                visit = self._visit(probe, count, allowed, -1 if near is None else int(near[row]))
                rows = visit.nearest()
                labels, vectors = self._rows.labels[rows], self._rows.vectors[rows]
            fill(found, row, labels, squared_l2(probe, vectors))
            self.spent.take(visit)
        return found

    def vectors(self, labels: I64) -> F32:
        """The vectors (N, D) of these templates (N,). Raises KeyError for a label that is not there."""
        with self._lock:
            check_known(np.unique(labels), self._rows.row_of)
            return self._rows.vectors[[self._rows.row_of[label] for label in labels.tolist()]]

    def settle(self) -> None:
        """Nothing goes on behind searches."""

    def save(self, folder: Path) -> None:
        """Write templates, axes and settings, but not the early stop. Raises OSError."""
        for name in ("labels", "owners", "vectors"):
            np.save(folder / f"{name}.npy", getattr(self._rows, name)[: len(self)])
        if isinstance(self._references, AxisReferences):
            np.save(folder / "axes.npy", self._references.axes)
        about = {
            "dimension": self.dimension,
            "chosen_at": self._chosen_at,
            "settings": asdict(self._settings),
        }
        (folder / ABOUT_FILE).write_text(json.dumps(about), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The index that `save` wrote; it stops early only when told to again. Raises ValueError, OSError."""
        about = json.loads((folder / ABOUT_FILE).read_text(encoding="utf-8"))
        labels, owners, vectors = (
            np.load(folder / f"{name}.npy") for name in ("labels", "owners", "vectors")
        )
        try:
            index = cls(about["dimension"], Settings(**about["settings"]))
            index._chosen_at = int(about["chosen_at"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{ABOUT_FILE}: not as it was saved: {error}") from error
        check_new(labels, vectors, index.dimension, {})
        check_array("owners", owners, np.int64, (len(labels),))
        references: References = FullReferences()
        if (folder / "axes.npy").exists():
            axes = np.load(folder / "axes.npy")
            check_array("axes", axes, np.float32, ("m", index.dimension))
            references = AxisReferences(axes)
        stop = index._rows.write(labels, owners, vectors)
        append(references, index._rows.vectors, 0, stop)
        index._references, index._rows.count = references, stop
        return index

    def _visit(self, probe: F32, count: int, allowed: Bools | None, hint: int) -> Visit:
        """Look for one probe. `allowed`: (R,) rows that may be found; `hint`: a label, or one that is not there."""
        size, cost = len(self), self._references.cost
        hidden = np.zeros(size, np.bool_) if allowed is None else ~allowed
        limits = Limits(max(self._settings.most(size, cost), cost + count), count, self.stop)
        visit = Visit(probe, self._rows.vectors[:size], limits, hidden)
        shown = size - np.count_nonzero(hidden)
        if shown <= max(self._settings.least, count):
            visit.look(np.flatnonzero(~hidden))
            visit.certain = True
            return visit
        row = self._rows.row(hint)
        familiar = row is not None and not hidden[row] and self._check_hint(visit, row)
        searched = not visit.stopped and (not familiar or visit.left >= cost + count)
        if searched:
            self._references.search(visit)
        if visit.stopped or not searched:
            rivals = self._rivals_of(visit.best_row, count, allowed)
            visit.look(rivals[~visit.hidden[rivals]][: max(visit.left, 0)])
        return visit

    def _check_hint(self, visit: Visit, row: int) -> bool:
        """Look at the template that is probably near; whether it is so near that this is no search any more.

        Nearer than the early stop, it ends here. Nearer than most of the templates have somebody else, it is a
        verification of one person: some distances to those like this person will do. Otherwise the whole budget is
        there, but in a full matrix the search ends when nobody seems left who could get the name or contest it.
        """
        visit.look(np.array([row]))
        if self._others is None:
            return False
        rivals = RIVALS + visit.limits.count
        if visit.near_enough():
            visit.stopped, most = True, rivals
        elif visit.best < self.familiar:
            most = max(self._settings.most_warm(len(self)), rivals)
        else:
            if not self._references.cost:  # otherwise nearly all is spent before the first template
                visit.limits = replace(visit.limits, reach=self._accept + REACH, rest=LIKELY_REST)
            return False
        visit.limits = replace(visit.limits, most=min(most, visit.limits.most))
        return True

    def _rivals_of(self, row: int, count: int, allowed: Bools | None) -> I64:
        """The templates most like this one: RIVALS of other people, and `count` - 1 of anybody.

        A search that ends early looks at them, so that a near rival is not overlooked: given only that the probe
        is near this template, they are the most likely ones to be near it too.
        """
        known = self._rivals.get(row)
        if known is not None and allowed is None and len(known) >= count - 1:
            return known
        likeness = self._references.likeness(row, len(self))
        likeness[row] = -np.inf
        if allowed is not None:
            likeness[~allowed] = -np.inf
        anybody = highest(likeness, count - 1)
        owners = self._rows.owners[: len(self)]
        likeness[owners == owners[row]] = -np.inf
        rivals = np.union1d(highest(likeness, RIVALS), anybody)
        if allowed is None:
            self._rivals[row] = rivals
        return rivals

    def _chosen(self, size: int) -> References | None:
        """Other references for the first `size` rows, or None where those there are will do."""
        few, axes = size <= self._settings.full_up_to, isinstance(self._references, AxisReferences)
        # not back to the full matrix at once, so that a gallery at the border does not go to and fro
        if (few and (not axes or 2 * size > self._settings.full_up_to)) or (
            not few and axes and self._chosen_at <= 2 * size < 4 * self._chosen_at
        ):
            return None
        references: References = FullReferences()
        if not few:
            most = self._settings.most(size) * 3 // 4  # the rest of the budget is for templates
            references = AxisReferences(principal_axes(self._rows.vectors[:size], min(most, MOST)))
        append(references, self._rows.vectors, 0, size)
        return references

    def _commit(self, count: int, references: References | None) -> None:
        """Let searches see `count` rows, in the order of these references where they are new."""
        with self._lock:
            self._rows.count = count
            self._rivals.clear()
            if references is not None:
                self._references, self._chosen_at = references, count

    def _learn_stop(self, owners: I64, vectors: F32) -> None:
        """The early stop, with these templates (N,), (N, D) that were added."""
        if self._accept <= 0.0:
            self._others, self.stop, self.familiar = None, 0.0, 0.0
            return
        rows, size = self._rows, len(self)
        if self._others is None or not self._others.drawn_from <= 2 * size < 4 * self._others.drawn_from:
            self._others = NearestOthers(rows.labels[:size], rows.owners[:size], rows.vectors[:size])
        else:
            self._others.add(owners, vectors)
        self.stop = min(self._others.quantile(self._settings.alpha), self._accept)
        self.familiar = self._others.quantile(FAMILIAR)


def append(references: References, vectors: F32, start: int, stop: int) -> None:
    """Tell the references of rows `start` to `stop`, some thousand at a time."""
    for first in range(start, stop, APPENDED):
        last = min(first + APPENDED, stop)
        references.append(vectors[:first], vectors[first:last])


def highest(values: F32, count: int) -> I64:
    """Places of the `count` highest values (R,), fewer where the others are -inf, in no order."""
    count = min(count, len(values))
    if count <= 0:
        return np.zeros(0, np.int64)
    places = np.argpartition(-values, count - 1)[:count]
    return places[values[places] > -np.inf].astype(np.int64)

"""Which unknown person a face is: the nearest of those seen before, or somebody new.

A stranger is known by the vectors of a few sightings, the most different ones, and is as far away as the nearest of
them. A face within reach of one is that stranger. The reach follows from a rate that an operator states: of strangers
who were never seen before, `max_fpir` may be taken for one who was. That is the rule by which names are given
(pipeline.gallery.calibration) but for one thing. How alike the people of a gallery are is estimated from its own
pairs; strangers' own pairs hold the same person twice, so they count as people at large do.

Nothing here knows a clock or a database: what it answers depends on what it was told, in which order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.arrays import F32, I64
from pipeline.errors import GalleryError
from pipeline.gallery.calibration import NEAREST_POWER, StrangerCurve
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.sightings.sighting_records import KnownStrangers

FIRST_OF_RUN = 1 << 48
"""labels of a run's own sightings count from here; the database's never get so far"""

Reach = Callable[[float], float]
"""the squared L2 distance below which a face is a known stranger, for so many comparisons with known ones"""


def derived_reach(curve: StrangerCurve, max_fpir: float, ceiling: float) -> Reach:
    """The distance at which `max_fpir` of new strangers are taken for a known one, up to `ceiling`.

    FPIR = 1 - (1 - FMR)^comparisons, as for names; what FMR a distance has, is on the curve.
    """
    if not 0.0 < max_fpir < 1.0:
        raise ValueError(f"max_fpir must lie between 0 and 1, got {max_fpir}")

    def reach(comparisons: float) -> float:
        rate = -np.expm1(np.log1p(-max_fpir) / max(comparisons, 1.0))
        return min(float(curve.distances_at(np.array([rate]))[0]), ceiling)

    return reach


@dataclass(frozen=True, slots=True)
class BookRules:
    """Whom a stranger is recognised by; see config.schema for the reasons."""

    min_quality: float
    """a face that is poorer is nobody's, and nobody is recognised by it"""
    max_vectors: int
    """of one stranger"""


@dataclass(frozen=True, slots=True)
class StrangerNews:
    """What other programs did to the strangers since a book was made, or since the last news."""

    removed: I64
    """(M,) labels that stand for nobody any more; those that are not there do not matter"""
    known: KnownStrangers
    """whom labels stand for that were added since, and everybody who is ignored or merged"""
    named: frozenset[str] = frozenset()
    """strangers who became people of the gallery: nobody is recognised as them any more"""


@dataclass(frozen=True, slots=True)
class _Standing:
    """A sighting that stands for a stranger."""

    stranger_id: str
    vector: F32
    """(D,)"""
    quality: float


class StrangerBook:
    """The unknown people of one model, searched and extended by one thread."""

    def __init__(self, known: KnownStrangers, rules: BookRules, reach: Reach, index: Index) -> None:
        """Fill an empty index with those that are known. Raises GalleryError for vectors of another dimension."""
        if len(index):
            raise ValueError(f"the index must be empty, has {len(index)} templates")
        self._rules = rules
        self._reach = reach
        self._index = index
        self._standing: dict[int, _Standing] = {}
        self._labels: dict[str, tuple[int, ...]] = {}
        """of each stranger, at most max_vectors"""
        self._counts: Counter[int] = Counter()
        """strangers with so many vectors"""
        self._label_of: dict[str, int] = {}
        """of the run's own sightings"""
        self._outdated: dict[str, set[bytes]] = {}
        """vectors that open sightings stood by before; written, they come back when another has taken their place"""
        self._next = FIRST_OF_RUN
        self._ignored: frozenset[str] = frozenset()
        self._merged: Mapping[str, str] = {}
        self._named: set[str] = set()
        self.take_in(StrangerNews(np.zeros(0, np.int64), known))

    def __len__(self) -> int:
        """Strangers who can be recognised."""
        return len(self._labels)

    @property
    def reach(self) -> float:
        """The squared L2 distance below which a face is one of these strangers now."""
        return self._reach(sum(count * vectors**NEAREST_POWER for vectors, count in self._counts.items()))

    def settled(self, stranger_id: str) -> str:
        """Under which id a stranger goes on: another's, where an operator merged them."""
        return self._merged.get(stranger_id, stranger_id)

    def is_ignored(self, stranger_id: str) -> bool:
        """Whether an operator wants to hear nothing of this stranger."""
        return self.settled(stranger_id) in self._ignored

    def stands(self, sighting_id: str) -> bool:
        """Whether the stranger of this sighting, an open one of the run, is recognised by it."""
        return self._label_of.get(sighting_id) in self._standing

    def is_clear(self, quality: float) -> bool:
        """Whether a face of this quality is good enough to know somebody by."""
        return quality >= self._rules.min_quality

    def recognise(self, sighting_id: str, vector: F32, barred: Collection[str]) -> str | None:
        """The nearest stranger within reach of a unit vector (D,), or None: somebody new.

        Not by what was put in of this very sighting, and nobody of the barred ids.
        """
        if not len(self._index):
            return None
        # All the vectors of the barred, the sighting's own, and one more: that is somebody else's.
        count = min(self._rules.max_vectors * len(barred) + 2, len(self._index))
        found = self._index.search(vector[None], count)
        own, reach = self._label_of.get(sighting_id), self.reach
        for label, distance in zip(found.labels[0].tolist(), found.distances[0].tolist(), strict=True):
            if label < 0 or distance >= reach:
                return None
            stranger_id = self._standing[label].stranger_id
            if label != own and stranger_id not in barred:
                return stranger_id
        return None

    def put(self, sighting_id: str, stranger_id: str, vector: F32, quality: float) -> None:
        """Let this sighting of the run stand for a stranger, in place of what was put in of it before.

        It does not where another of them has the very same vector: the same recording under another camera's name.
        """
        self.drop(sighting_id)
        stranger_id = self.settled(stranger_id)
        theirs = (self._standing[label].vector for label in self._labels.get(stranger_id, ()))
        if stranger_id in self._named or any(np.array_equal(vector, each) for each in theirs):
            return
        label = self._next
        self._next += 1
        self._label_of[sighting_id] = label
        self._add([label], [_Standing(stranger_id, vector, quality)])

    def drop(self, sighting_id: str) -> None:
        """Let this sighting of the run stand for nobody, if it did."""
        label = self._label_of.pop(sighting_id, None)
        if label is not None and label in self._standing:
            self._outdated.setdefault(sighting_id, set()).add(self._standing[label].vector.tobytes())
            self._remove([label])

    def close(self, sighting_id: str) -> None:
        """This sighting is over: it goes on standing for its stranger, and is not put in again."""
        self._label_of.pop(sighting_id, None)
        self._outdated.pop(sighting_id, None)

    def take_in(self, news: StrangerNews) -> None:
        """Learn what was written since. A sighting of the run that comes back as written does not count twice.

        Raises GalleryError for vectors of another dimension.
        """
        known = news.known
        if len(known.labels) and known.vectors.shape[1] != self._index.dimension:
            raise GalleryError(
                f"the strangers' vectors have {known.vectors.shape[1]} numbers and the embedder's "
                f"{self._index.dimension}: two models share one model_id; give the new model another id"
            )
        self._remove([label for label in news.removed.tolist() if label in self._standing])
        self._ignored = known.ignored
        self._follow_merges(known.merged)
        self._named |= news.named
        for stranger_id in sorted(news.named & self._labels.keys()):
            self._remove(self._labels[stranger_id])
        new = {
            label: _Standing(self.settled(stranger_id), vector, quality)
            for label, stranger_id, vector, quality in zip(
                known.labels.tolist(),
                known.stranger_ids,
                known.vectors,
                known.qualities.tolist(),
                strict=True,
            )
            if label not in self._standing
        }
        for label, one in list(new.items()):
            if not self._give_way(label, one) and self._is_outdated(one):
                del new[label]
        self._add(list(new), list(new.values()))

    def _follow_merges(self, merged: Mapping[str, str]) -> None:
        """Move the vectors of those who were merged since."""
        before, self._merged = self._merged, merged
        for old in sorted(merged.keys() & self._labels.keys()):
            if before.get(old) != merged[old]:
                labels = self._labels[old]
                standing = [replace(self._standing[label], stranger_id=merged[old]) for label in labels]
                self._remove(labels)
                self._add(labels, standing)

    def _is_outdated(self, written: _Standing) -> bool:
        """Whether an open sighting was written so, and stands by a better shot, or for nobody, by now."""
        vector = written.vector.tobytes()
        return any(vector in theirs for theirs in self._outdated.values())

    def _give_way(self, label: int, written: _Standing) -> bool:
        """Take out the run's own row of a sighting that comes in under the database's label now, if it is there."""
        for own in self._labels.get(written.stranger_id, ()):
            if own >= FIRST_OF_RUN and np.array_equal(self._standing[own].vector, written.vector):
                self._remove([own])
                open_ones = [key for key, of_run in self._label_of.items() if of_run == own]
                self._label_of |= dict.fromkeys(open_ones, label)
                return True
        return False

    def _add(self, labels: Sequence[int], standing: Sequence[_Standing]) -> None:
        """Add rows that are not there; of a stranger who has more than max_vectors then, the redundant ones go."""
        if not labels:
            return
        self._index.add(np.array(labels, np.int64), np.stack([one.vector for one in standing]))
        for label, one in zip(labels, standing, strict=True):
            self._standing[label] = one
            self._count(one.stranger_id, (*self._labels.get(one.stranger_id, ()), label))
        for stranger_id in dict.fromkeys(one.stranger_id for one in standing):
            while len(self._labels[stranger_id]) > self._rules.max_vectors:
                self._remove([self._redundant(stranger_id)])

    def _remove(self, labels: Sequence[int]) -> None:
        if not labels:
            return
        self._index.remove(np.array(labels, np.int64))
        for label in labels:
            stranger_id = self._standing.pop(label).stranger_id
            self._count(stranger_id, tuple(each for each in self._labels[stranger_id] if each != label))

    def _count(self, stranger_id: str, labels: tuple[int, ...]) -> None:
        """From now on these are a stranger's rows."""
        before = self._labels.pop(stranger_id, ())
        if before:
            self._counts[len(before)] -= 1
        if labels:
            self._labels[stranger_id] = labels
            self._counts[len(labels)] += 1

    def _redundant(self, stranger_id: str) -> int:
        """The poorer of the two vectors of a stranger that are most alike; the later one where both are as good."""
        labels = self._labels[stranger_id]
        vectors = np.stack([self._standing[label].vector for label in labels])
        alike = vectors @ vectors.T
        np.fill_diagonal(alike, -np.inf)
        pair = np.unravel_index(int(np.argmax(alike)), alike.shape)
        return min(
            (labels[int(row)] for row in pair), key=lambda label: (self._standing[label].quality, -label)
        )

"""The gallery in memory, as one run sees it: who is nearest to a face."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Self

import numpy as np

from pipeline.arrays import F32
from pipeline.errors import GalleryError
from pipeline.gallery.calibration import own_pairs
from pipeline.gallery.index import Index, Neighbours
from pipeline.gallery.records import Contents, Person
from pipeline.gallery.store import Store
from pipeline.types import Candidate

logger = logging.getLogger(__name__)

WIDEN_BY = 4
"""factor by which a search asks for more templates when these belong to too few people"""


class Replica:
    """People and their templates of one model at one version, searched through an index.

    One thread searches it. It keeps showing the version it was made from, whatever is written meanwhile.
    """

    def __init__(self, contents: Contents, index: Index) -> None:
        """Fill an empty index. Raises GalleryError for templates of another dimension than the index's."""
        if len(index):
            raise ValueError(f"the index must be empty, has {len(index)} templates")
        dimension = contents.vectors.shape[1]
        if len(contents.labels):
            if dimension != index.dimension:
                raise GalleryError(
                    f"the gallery's vectors have {dimension} numbers and the embedder's {index.dimension}: "
                    "two models share one model_id; give the new model another id and enroll again"
                )
            index.add(contents.labels, contents.vectors)
        self.version = contents.version
        """number of the last change it knows"""
        self.people: Mapping[str, Person] = MappingProxyType({one.id: one for one in contents.people})
        """by id; also those without a template of this model, who are never found"""
        self.own_pairs = own_pairs(contents.person_ids, contents.vectors)
        """how alike its people are: what the distance for a rate is derived from"""
        self._index = index
        self._owner_of = dict(zip(contents.labels.tolist(), contents.person_ids, strict=True))
        self._findable = len(set(contents.person_ids))

    @classmethod
    def load(cls, store: Store, model_id: str, index: Index) -> Self:
        """Read all templates of this model; says in the log what it leaves out. Raises StoreError, GalleryError."""
        contents = store.contents(model_id)
        left_out = contents.left_out(model_id)
        if left_out is not None:
            logger.warning("%s", left_out)
        return cls(contents, index)

    def __len__(self) -> int:
        """Templates that are searched."""
        return len(self._index)

    def search(self, probes: F32, count: int) -> tuple[tuple[Candidate, ...], ...]:
        """For each probe (Q, D) of unit length the `count` nearest people, fewer where there are no more.

        A person is as far away as their nearest template. Nearest first, by person id on a tie; the answer to
        a probe does not depend on the others of its batch.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        answers: list[tuple[Candidate, ...]] = [()] * len(probes)
        wanted = min(count, self._findable)
        asked = min(WIDEN_BY * wanted, len(self))
        left = np.arange(len(probes)) if wanted else np.zeros(0, np.int64)
        while len(left):
            found = self._index.search(probes[left], asked)
            unsettled = []
            for place, row in enumerate(left.tolist()):
                nearest = self._nearest_people(found, place)
                if asked == len(self) or _settled(nearest, wanted, float(found.distances[place, -1])):
                    answers[row] = nearest[:wanted]
                else:
                    unsettled.append(row)
            left = np.array(unsettled, np.int64)
            asked = min(WIDEN_BY * asked, len(self))
        return tuple(answers)

    def _nearest_people(self, found: Neighbours, row: int) -> tuple[Candidate, ...]:
        """The people whom a row's templates belong to, nearest first."""
        nearest: dict[str, float] = {}
        for label, distance in zip(found.labels[row].tolist(), found.distances[row].tolist(), strict=True):
            if label >= 0:
                nearest.setdefault(self._owner_of[label], distance)
        order = sorted(nearest.items(), key=lambda item: (item[1], item[0]))
        return tuple(Candidate(person, self.people[person].name, distance) for person, distance in order)


def _settled(nearest: tuple[Candidate, ...], wanted: int, farthest: float) -> bool:
    """Whether templates beyond `farthest` cannot change the first `wanted` people, or their order on a tie."""
    return len(nearest) >= wanted and nearest[wanted - 1].distance < farthest

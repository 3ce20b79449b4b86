"""The searches of one drawn gallery, made as cameras make theirs: an index, the nearest people, the rule for names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from pipeline.gallery.decision import decide

if TYPE_CHECKING:
    from engines.evaluation.face_set import FaceSet
    from engines.evaluation.gallery_split import GallerySplit
    from engines.evaluation.identification import Searches
    from pipeline.arrays import F32
    from pipeline.gallery.memory.replica import Replica
    from pipeline.types import Candidate

RANKS = 10
"""people asked for with each search: DIR is reported up to rank 10"""
BATCH = 256
"""probes of one search: bounds the matrix of their distances to all templates"""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""since when the people of an evaluation are enrolled; it changes nothing"""


@dataclass(frozen=True, slots=True)
class NamingRule:
    """When the nearest person's name is given, as `pipeline.gallery.decision.decide` has it."""

    max_distance: float
    """squared L2"""
    min_margin: float
    """squared L2"""


def enrolled(faces: FaceSet, split: GallerySplit, others: FaceSet | None, index: str) -> Replica:
    """The gallery of this draw, with the `others`, who fill it up and never search, a template a row.

    Approximate indexes approximate from the first template on, although cameras search small galleries exactly:
    else nothing would be seen of what approximation costs. Raises GalleryError for an unknown index.
    """
    import numpy as np

    from pipeline.gallery.indexes.choose import choose_index
    from pipeline.gallery.memory.contents import Contents
    from pipeline.gallery.memory.replica import Replica
    from pipeline.gallery.storage.records import Person

    numbers, vectors = faces.person_numbers[split.templates], faces.vectors[split.templates]
    if others is not None:
        numbers = np.concatenate([numbers, int(faces.person_numbers.max()) + 1 + others.person_numbers])
        vectors = np.concatenate([vectors, others.vectors])
    people = tuple(Person(person_id(number), str(number), LONG_AGO) for number in np.unique(numbers).tolist())
    contents = Contents(
        version=0,
        people=people,
        labels=np.arange(len(numbers), dtype=np.int64),
        person_ids=tuple(person_id(number) for number in numbers.tolist()),
        vectors=np.ascontiguousarray(vectors),
        others=0,
    )
    replica = Replica.of(contents, choose_index(index, vectors.shape[1], always_approximate=True))
    replica.index.settle()  # templates that wait to be linked are searched one by one: that would flatter
    return replica


def search_all(replica: Replica, faces: FaceSet, split: GallerySplit, rule: NamingRule) -> Searches:
    """Every probe's nearest people and name. Probes without a face are not searched, and find nobody."""
    import numpy as np

    from engines.evaluation.identification import NOBODY, Searches

    found = faces.found[split.probes]
    answers = answers_to(replica, faces.vectors[split.probes[found]])
    people = np.full((len(split.probes), RANKS), NOBODY, np.int64)
    distances = np.full((len(split.probes), RANKS), np.inf, np.float32)
    named = np.full(len(split.probes), NOBODY, np.int64)
    for row, candidates in zip(np.flatnonzero(found).tolist(), answers, strict=True):
        for place, candidate in enumerate(candidates):
            people[row, place], distances[row, place] = int(candidate.person_id), candidate.distance
        decision = decide(candidates, rule.max_distance, rule.min_margin)
        if decision.identity is not None:
            named[row] = int(decision.identity.person_id)
    return Searches(people, distances, split.mates, named)


def answers_to(replica: Replica, vectors: F32) -> Sequence[Sequence[Candidate]]:
    """Up to RANKS nearest people of each vector (Q, D)."""
    batches = (vectors[start : start + BATCH] for start in range(0, len(vectors), BATCH))
    return tuple(chain.from_iterable(replica.search(batch, RANKS) for batch in batches))


def person_id(number: int) -> str:
    """Ids that sort as the numbers do."""
    return f"{number:09d}"

"""Whether anybody of the test half is in training after all: under a name turned round, or by a face.

Parts are made of names (engines.training.split), so that a person who goes by two names may be in both. Of LFW's and
YouTube Faces' 5,749 people about twenty pairs of names are such: "Wang Nan" and "Nan Wang", one photo under two names,
maiden and married names. Whoever is found is taken out of training; the test half stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, I64
from engines.training.near_pairs import near_pairs
from engines.training.split import plain_name

SAME_PERSON = 0.45
"""squared L2 of the default embedder, below which two names are taken for one person here. Of 48 million pairs of two
names in LFW and YouTube Faces 24 are nearer, all but four of them one person (the four: sisters, and twins); below
0.2 the same photo, six of them, and none between 0.15 and 0.26. Above 0.5 most are two people. A wrong alarm costs
one person of thousands, a miss a figure that is too good"""


@dataclass(frozen=True, slots=True)
class Leak:
    """Somebody of the training part who is perhaps somebody of the test half."""

    person: str
    """in training, as the folder is called"""
    test_person: str
    distance: float | None
    """squared L2 of their nearest photos; None where the names tell it"""
    photo: str = ""
    """of the person, where faces tell it"""
    test_photo: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LeakSide:
    """The photos of one side."""

    people: Sequence[str]
    """(N) as the folders are called"""
    names: Sequence[str]
    """(N) of the photos"""
    vectors: F32
    """(N, D) unit length"""


def find_leaks(
    training: LeakSide,
    test: LeakSide,
    limit: float = SAME_PERSON,
    on_done: Callable[[int], None] = lambda _: None,
) -> tuple[Leak, ...]:
    """Each pair of people once, by name first, then the nearest first.

    `limit`: of faces, squared L2; `on_done`: how many photos of the test half were compared.
    """
    leaks = {(leak.person, leak.test_person): leak for leak in leaks_by_name(training.people, test.people)}
    pairs = near_pairs(test.vectors, training.vectors, limit, on_done)
    for there, here, distance in zip(pairs.first, pairs.second, pairs.distances.tolist(), strict=True):
        key = (training.people[here], test.people[there])
        if key not in leaks:
            leaks[key] = Leak(*key, round(distance, 4), training.names[here], test.names[there])
    return tuple(leaks.values())


def leaks_by_name(training: Sequence[str], test: Sequence[str]) -> tuple[Leak, ...]:
    """People of training whose name has the words of a name of the test half, in whatever order."""
    theirs = {_words(name): name for name in sorted(set(test))}
    found = ((name, theirs.get(_words(name))) for name in sorted(set(training)))
    return tuple(Leak(name, other, None) for name, other in found if other is not None)


def rows_without(people: Sequence[str], leaks: Sequence[Leak]) -> I64:
    """The rows of everybody who leaks nothing."""
    out = {leak.person for leak in leaks}
    return np.array([row for row, person in enumerate(people) if person not in out], np.int64)


def _words(name: str) -> tuple[str, ...]:
    """The parts of a name, sorted: hyphens part them too, as in Choi_Sung-hong and Sung_Hong_Choi."""
    return tuple(sorted(plain_name(name).replace("-", " ").split()))

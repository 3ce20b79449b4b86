"""Whether anybody of the test half is in training after all: under a name turned round, or by a face.

Parts are made of names (engines.training.split), so that a person who goes by two names may be in both. Of LFW's and
YouTube Faces' 5,749 people about twenty pairs of names are such: "Wang Nan" and "Nan Wang", one photo under two names,
maiden and married names. Whoever is found is taken out of training; the test half stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engines.arrays import F32
from engines.training.near_pairs import near_pairs
from engines.training.split import plain_name


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
    limit: float,
    on_done: Callable[[int], None] = lambda _: None,
) -> tuple[Leak, ...]:
    """Each pair of people once, by name first, then the nearest first.

    `limit`: of faces, squared L2 (training.same_person_distance): a wrong alarm costs one person of thousands, a miss a
    figure that is too good. `on_done`: how many photos of the test half were compared.
    """
    leaks = {(leak.person, leak.test_person): leak for leak in leaks_by_name(training.people, test.people)}
    pairs = near_pairs(test.vectors, training.vectors, limit, on_done)
    for there, here, distance in zip(pairs.first, pairs.second, pairs.distances.tolist(), strict=True):
        key = (training.people[here], test.people[there])
        if key not in leaks:
            leaks[key] = Leak(*key, round(distance, 4), training.names[here], test.names[there])
    return tuple(leaks.values())


def under_two_names(side: LeakSide, limit: float) -> frozenset[str]:
    """Who of one side is perhaps somebody else of it, by name or by face: of each such pair the later name.

    Where people are compared as strangers, such a pair is none; eight of LFW's test half are enough to have the
    distance at a rate of 1e-6 told as 0.52 instead of 0.60 (embedder facenet-128).
    """
    people, pairs = side.people, near_pairs(side.vectors, side.vectors, limit)
    found = {
        max(people[here], people[there])
        for here, there in zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)
        if plain_name(people[here]) != plain_name(people[there])
    }
    first: dict[tuple[str, ...], str] = {}
    for name in sorted(set(people)):
        if plain_name(first.setdefault(_words(name), name)) != plain_name(name):
            found.add(name)
    return frozenset(found)


def leaks_by_name(training: Sequence[str], test: Sequence[str]) -> tuple[Leak, ...]:
    """People of training whose name has the words of a name of the test half, in whatever order."""
    theirs = {_words(name): name for name in sorted(set(test))}
    found = ((name, theirs.get(_words(name))) for name in sorted(set(training)))
    return tuple(Leak(name, other, None) for name, other in found if other is not None)


def _words(name: str) -> tuple[str, ...]:
    """The parts of a name, sorted: hyphens part them too, as in Choi_Sung-hong and Sung_Hong_Choi."""
    return tuple(sorted(plain_name(name).replace("-", " ").split()))

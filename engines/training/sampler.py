"""Which faces are in the batch of a step: P people with up to K photos each, and faces of others as negatives.

A batch follows from the seed and the number of its step alone. Nothing is carried from one to the next, so a run
that goes on at step 31 takes the batches that it would have taken, and threads may make several at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.arrays import I64
from engines.errors import TrainingError
from engines.training.objective import Batch

PEOPLE, PHOTOS, OTHERS, CHANGES, CHOICES, NETWORK = range(6)
"""what chance is for: each has a stream of its own"""


def stream(seed: int, *of: int) -> np.random.Generator:
    """The chance that belongs to these numbers: the same on every machine, whatever was drawn before."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, *of))))


def turn(count: int, size: int, number: int, seed: int, *of: int) -> I64:
    """The number-th handful of up to `size` out of `count`, all different; every one comes up in each round.

    A round is an order by chance, cut in handfuls; the last is filled up from the beginning of the same order.
    """
    size = min(size, count)
    if not size:
        return np.empty(0, np.int64)
    handfuls = -(-count // size)
    order = stream(seed, *of, number // handfuls).permutation(count)
    begin = number % handfuls * size
    return np.asarray(order[np.arange(begin, begin + size) % count], np.int64)


@dataclass(frozen=True, slots=True)
class BatchSize:
    """How many faces are in a batch, at most."""

    people: int
    photos: int
    """of each of them"""
    others: int
    """faces of people with one photo"""


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """The batches of a run."""

    photos: Sequence[I64]
    """rows of each person with two or more"""
    singles: I64
    """(M,): rows of people with one photo"""
    people: I64
    """(N,): who each row is of"""
    size: BatchSize
    seed: int

    @property
    def steps_a_round(self) -> int:
        """After so many steps everybody with two photos or more has come up."""
        return -(-len(self.photos) // min(self.size.people, len(self.photos)))

    def batch(self, step: int) -> Batch:
        """The batch of a step, counted from 1: people one after the other, then the others."""
        chosen = turn(len(self.photos), self.size.people, step - 1, self.seed, PEOPLE)
        visit = (step - 1) // self.steps_a_round
        rows = [
            self.photos[at][turn(len(self.photos[at]), self.size.photos, visit, self.seed, PHOTOS, int(at))]
            for at in chosen
        ]
        rows.append(self.singles[turn(len(self.singles), self.size.others, step - 1, self.seed, OTHERS)])
        found = np.concatenate(rows)
        return Batch(found, self.people[found])


def plan_batches(people: I64, size: BatchSize, seed: int) -> BatchPlan:
    """Batches of this size for faces of these people (N,).

    A person with fewer photos than asked for gives those there are: a photo beside itself is no positive worth
    learning from, however it is changed. People with one photo are never anchors; they are negatives, if asked for.
    Raises TrainingError where fewer than two people have two photos.
    """
    order = np.argsort(people, kind="stable").astype(np.int64)
    _, begins = np.unique(people[order], return_index=True)
    groups = np.split(order, begins[1:]) if len(order) else []
    photos = [group for group in groups if len(group) > 1]
    if len(photos) < 2:
        raise TrainingError(
            f"training needs two people with two photos each at least, got {len(photos)} of {len(groups)}; "
            "add photos"
        )
    singles = np.array([group[0] for group in groups if len(group) == 1], np.int64)
    return BatchPlan(photos, singles, np.asarray(people, np.int64), size, seed)

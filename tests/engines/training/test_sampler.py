"""Batches: whom they hold, that everybody comes up, and that nothing is carried from step to step."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from engines.errors import TrainingError
from engines.training.sampler import BatchSize, plan_batches, stream, turn

SIZE = BatchSize(people=4, photos=3, others=5)
PEOPLE = np.array([p for p in range(10) for _ in range(2 + p % 4)] + list(range(100, 123)), np.int64)
"""ten with two to five photos, 23 with one"""


@pytest.mark.parametrize("step", [1, 2, 57, 1000])
def test_a_batch_is_people_then_others(step: int) -> None:
    batch = plan_batches(PEOPLE, SIZE, seed=3).batch(step)

    assert len(set(batch.rows.tolist())) == len(batch.rows)
    assert (PEOPLE[batch.rows] == batch.people).all()
    counts = Counter(batch.people.tolist())
    anchors = {person: count for person, count in counts.items() if person < 100}
    assert len(anchors) == 4
    assert all(count == min(3, 2 + person % 4) for person, count in anchors.items())
    assert (batch.people[-5:] >= 100).all()


def test_everybody_comes_up_in_every_round_and_every_photo_in_time() -> None:
    plan = plan_batches(PEOPLE, SIZE, seed=0)
    a_round = plan.steps_a_round
    assert a_round == 3

    for first in (1, 1 + 7 * a_round):
        seen = {int(p) for step in range(first, first + a_round) for p in plan.batch(step).people if p < 100}
        assert seen == set(range(10))
    rows = {int(row) for step in range(1, 1 + 2 * 5) for row in plan.batch(step).rows}
    assert rows == set(range(len(PEOPLE)))


def test_a_batch_follows_from_seed_and_step_alone() -> None:
    plan, again = plan_batches(PEOPLE, SIZE, seed=1), plan_batches(PEOPLE, SIZE, seed=1)
    forwards = [plan.batch(step).rows.tolist() for step in range(1, 20)]
    backwards = [again.batch(step).rows.tolist() for step in range(19, 0, -1)]

    assert forwards == backwards[::-1]
    assert forwards != [plan_batches(PEOPLE, SIZE, seed=2).batch(step).rows.tolist() for step in range(1, 20)]


@tries(deadline=None)
@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 5), st.integers(0, 99))
def test_a_round_of_handfuls_holds_all_and_a_handful_nobody_twice(
    count: int, size: int, round_: int, seed: int
) -> None:
    handfuls = -(-count // min(size, count)) if count else 1
    found = [turn(count, size, round_ * handfuls + k, seed).tolist() for k in range(handfuls)]

    assert {each for handful in found for each in handful} == set(range(count))
    assert all(len(set(handful)) == len(handful) == min(size, count) for handful in found)


def test_small_sets_give_what_they_have() -> None:
    batch = plan_batches(np.array([7, 7, 8, 8]), BatchSize(30, 4, 10), seed=0).batch(1)

    assert sorted(batch.rows.tolist()) == [0, 1, 2, 3]


def test_too_few_people_with_two_photos_are_refused() -> None:
    for people in ([], [1, 2, 3], [1, 1, 2]):
        with pytest.raises(TrainingError, match="two people with two photos each"):
            plan_batches(np.array(people, np.int64), SIZE, seed=0)


def test_streams_of_other_numbers_are_others() -> None:
    drawn = {
        float(stream(*of).random()) for of in ((0, 1, 1), (0, 1, 2), (0, 2, 1), (1, 1, 1), (0, 1, 1, 3, 1))
    }
    assert len(drawn) == 5


def test_two_rounds_show_all_four_photos_of_everybody_two_at_a_time() -> None:
    people = np.repeat(np.arange(6), 4)
    plan = plan_batches(people, BatchSize(people=2, photos=2, others=0), seed=1)

    seen = Counter(
        row for step in range(1, 2 * plan.steps_a_round + 1) for row in plan.batch(step).rows.tolist()
    )

    assert seen == Counter(range(len(people)))

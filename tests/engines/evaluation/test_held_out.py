"""The held-out protocol against a plain loop over its pairs, and its draw against what it promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.arrays import F32, I64
from engines.errors import EvaluationError
from engines.evaluation.held_out import FOLDS, MOST_PAIRS, draw_pairs, held_out, video_numbers


def people_of(counts: Sequence[int]) -> I64:
    return np.repeat(np.arange(len(counts)), counts).astype(np.int64)


def faces_of(people: I64, noise: float = 0.7, seed: int = 0) -> F32:
    random = np.random.default_rng(seed)
    own = random.normal(size=(int(people.max()) + 1, 24))
    found = own[people] + noise * random.normal(size=(len(people), 24))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


PEOPLE = people_of([3] * 25 + [1] * 30 + [8] * 2)


@settings(deadline=None, max_examples=30)
@given(
    counts=st.lists(st.integers(1, 9), min_size=25, max_size=60),
    seed=st.integers(0, 3),
)
def test_pairs_are_what_they_are_called_and_nobody_is_in_two_folds(counts: list[int], seed: int) -> None:
    people = people_of([2] * FOLDS + counts)
    pairs = draw_pairs(people, None, seed)
    first, second = people[pairs.first], people[pairs.second]

    assert np.array_equal(first == second, pairs.same)
    assert not np.any(pairs.first == pairs.second)
    assert np.all(np.diff(pairs.fold) >= 0)
    for fold in range(FOLDS):
        kinds = pairs.same[pairs.fold == fold]
        assert kinds.sum() * 2 == len(kinds) > 0
    where: dict[int, set[int]] = {}
    for side in (first, second):
        for person, fold in zip(side.tolist(), pairs.fold.tolist(), strict=True):
            where.setdefault(person, set()).add(fold)
    assert all(len(folds) == 1 for folds in where.values())
    drawn = Counter(first[pairs.same].tolist())
    have = Counter(people.tolist())
    assert drawn == {each: min(n * (n - 1) // 2, MOST_PAIRS) for each, n in have.items() if n > 1}


def test_the_draw_does_not_depend_on_the_vectors_and_another_seed_draws_others() -> None:
    one, again, other = (draw_pairs(PEOPLE, None, seed) for seed in (0, 0, 1))

    assert np.array_equal(one.first, again.first)
    assert np.array_equal(one.second, again.second)
    assert not np.array_equal(one.first, other.first)


def test_of_a_video_one_frame_takes_part() -> None:
    names = ["Ann", "Ann", "Ann", "Ann"] + [f"P{n}" for n in range(20) for _ in range(2)]
    groups = ["Ann/1", "Ann/1", "Ann/2", "Ann", *names[4:]]
    people = np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)
    videos = video_numbers(names, groups)

    pairs = draw_pairs(people, videos)
    of_ann = pairs.same & (pairs.first < 4)

    assert videos[:4].tolist() == [videos[0], videos[0], videos[2], -1]
    assert set(videos[4:].tolist()) == {-1}
    assert of_ann.sum() == 3  # two videos and a photo
    assert not np.any(videos[pairs.first[of_ann]] == videos[pairs.second[of_ann]])


def test_figures_are_those_of_a_plain_loop() -> None:
    vectors = faces_of(PEOPLE)
    found = held_out(vectors, PEOPLE)
    pairs = draw_pairs(PEOPLE)
    impostors = sorted(
        float(np.sum((vectors[a].astype(np.float64) - vectors[b]) ** 2))
        for a in range(len(PEOPLE))
        for b in range(a)
        if PEOPLE[a] != PEOPLE[b]
    )
    apart = np.sum((vectors[pairs.first].astype(np.float64) - vectors[pairs.second]) ** 2, axis=1)
    genuine, folds = apart[pairs.same], pairs.fold[pairs.same]
    threshold = impostors[int(0.001 * len(impostors))]
    shares = [float(np.mean(genuine[folds == fold] < threshold)) for fold in range(FOLDS)]
    nearer = np.searchsorted(impostors, genuine)

    assert found.people == 57
    assert found.matched == pairs.same.sum() == 3 * 25 + 2 * MOST_PAIRS
    assert found.impostors == len(impostors)
    assert found.val.mean == pytest.approx(np.mean(shares), abs=0.02)
    assert found.val.sem == pytest.approx(np.std(shares, ddof=1) / np.sqrt(FOLDS), abs=0.02)
    assert found.auc == pytest.approx(1.0 - nearer.mean() / len(impostors), abs=1e-4)
    assert found.val_strict.mean <= found.val.mean <= 1.0
    assert 0.8 < found.accuracy.mean <= 1.0
    assert 0.0 < found.threshold < 4.0


def test_numbers_of_people_do_not_matter() -> None:
    vectors = faces_of(PEOPLE)

    assert held_out(vectors, PEOPLE * 7 + 100) == held_out(vectors, PEOPLE)


def test_the_same_vectors_as_probes_change_only_how_many_pairs_there_are() -> None:
    vectors = faces_of(PEOPLE)
    alone, mixed = held_out(vectors, PEOPLE), held_out(vectors, PEOPLE, vectors)

    assert mixed.impostors == 2 * alone.impostors
    assert mixed.accuracy == alone.accuracy
    assert mixed.val.mean == pytest.approx(alone.val.mean, abs=0.02)


def test_probes_of_another_space_find_nobody() -> None:
    vectors = faces_of(PEOPLE)
    mixed = held_out(vectors, PEOPLE, np.ascontiguousarray(vectors[:, ::-1]))

    assert mixed.accuracy.mean < 0.65 < held_out(vectors, PEOPLE).accuracy.mean


def test_too_few_people() -> None:
    few = people_of([2] * 9 + [1] * 40)
    with pytest.raises(EvaluationError, match=r"9 people have two photos.* need 10"):
        held_out(faces_of(few), few)
    alone = people_of([2] * 10)
    with pytest.raises(EvaluationError, match="two people in each of ten folds"):
        held_out(faces_of(alone), alone)

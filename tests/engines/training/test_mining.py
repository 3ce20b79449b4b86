"""Miners against plain loops and against pytorch-metric-learning, and what hardest negatives do to a network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from pytorch_metric_learning.distances import LpDistance  # type: ignore[import-untyped]
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner  # type: ignore[import-untyped]
from torch import Tensor
from torch.nn import functional as F

from engines.training import mining
from engines.training.ending import ONE_POINT, Ended
from engines.training.loop import train
from engines.training.mining import Pairs, Triplets, mined, pairs_of
from engines.training.settings import MARGIN, Negatives, Settings
from engines.training.triplet_loss import squared_distances
from engines.training.validation import vectors_of
from tests.engines.training.small import SmallNetwork, faces

Triplet = tuple[int, int, int]


def batch(people: list[int], seed: int, dimension: int = 4) -> Tensor:
    """Distances (B, B) of random unit vectors."""
    x = F.normalize(torch.randn(len(people), dimension, generator=torch.Generator().manual_seed(seed)))
    return squared_distances(x, x)


def found(distances: Tensor, people: list[int], kind: Negatives, seed: int = 0) -> list[Triplet]:
    random = torch.Generator().manual_seed(seed)
    return listed(mined(distances, pairs_of(torch.tensor(people)), MARGIN, kind, random))


def listed(triplets: Triplets) -> list[Triplet]:
    columns = (triplets.anchors.tolist(), triplets.positives.tolist(), triplets.negatives.tolist())
    return [(a, p, n) for a, p, n in zip(*columns, strict=True)]


def plain_candidates(distances: Tensor, people: list[int]) -> dict[tuple[int, int], list[int]]:
    """The semi-hard negatives of every pair, by three loops."""
    d = distances.numpy()
    everybody = range(len(people))
    return {
        (a, p): [
            n
            for n in everybody
            if people[n] != people[a] and d[a, p] < d[a, n] < d[a, p] + d.dtype.type(MARGIN)
        ]
        for a in everybody
        for p in everybody
        if a != p and people[a] == people[p]
    }


CROWDS = st.lists(st.integers(0, 4), min_size=1, max_size=14)


@tries(max_examples=60, deadline=None)
@given(CROWDS, st.integers(0, 10_000))
def test_semi_hard_is_one_of_the_plain_loops_for_every_pair(people: list[int], seed: int) -> None:
    distances = batch(people, seed)
    candidates = {pair: rows for pair, rows in plain_candidates(distances, people).items() if rows}

    by_chance = found(distances, people, Negatives.SEMI_HARD, seed)
    nearest = found(distances, people, Negatives.NEAREST_SEMI_HARD)

    assert [(a, p) for a, p, _ in by_chance] == sorted(candidates)
    assert all(n in candidates[a, p] for a, p, n in by_chance)
    assert nearest == [
        (a, p, min(rows, key=lambda n: distances[a, n])) for (a, p), rows in candidates.items()
    ]


@tries(max_examples=60, deadline=None)
@given(CROWDS, st.integers(0, 10_000))
def test_hardest_and_all_are_the_plain_loops(people: list[int], seed: int) -> None:
    distances = batch(people, seed)
    others = {a: [n for n in range(len(people)) if people[n] != people[a]] for a in range(len(people))}
    pairs = [pair for pair in plain_candidates(distances, people) if others[pair[0]]]

    assert found(distances, people, Negatives.ALL) == [(a, p, n) for a, p in pairs for n in others[a]]
    assert found(distances, people, Negatives.HARDEST) == [
        (a, p, min(others[a], key=lambda n: distances[a, n])) for a, p in pairs
    ]


@pytest.mark.parametrize("seed", range(5))
def test_pytorch_metric_learning_finds_the_same(seed: int) -> None:
    people = [row // 4 for row in range(32)]
    labels = torch.tensor(people)
    x = F.normalize(torch.randn(32, 6, generator=torch.Generator().manual_seed(seed)))
    distances = squared_distances(x, x)
    squared = LpDistance(normalize_embeddings=False, p=2, power=2)

    semi_hard = TripletMarginMiner(margin=MARGIN, type_of_triplets="semihard", distance=squared)
    theirs = set(listed(Triplets(*semi_hard(x, labels))))
    for kind in (Negatives.SEMI_HARD, Negatives.NEAREST_SEMI_HARD):
        ours = found(distances, people, kind, seed)
        assert set(ours) <= theirs
        assert {(a, p) for a, p, _ in ours} == {(a, p) for a, p, _ in theirs}

    hard = TripletMarginMiner(margin=MARGIN, type_of_triplets="hard", distance=squared)
    hardest = {(a, p, n) for a, p, n in found(distances, people, Negatives.HARDEST)}
    nearer = {(a, p, n) for a, p, n in hardest if distances[a, n] <= distances[a, p]}
    assert nearer <= set(listed(Triplets(*hard(x, labels))))
    their_hardest = {a: n for a, _, n in listed(Triplets(*BatchHardMiner(distance=squared)(x, labels)))}
    assert {a: n for a, _, n in hardest} == their_hardest


def test_every_semi_hard_negative_is_drawn_equally_often() -> None:
    distances = torch.tensor([[0.0, 0.5, 0.55, 0.6, 0.69, 0.4, 0.71]])
    same = torch.tensor([[False, True, False, False, False, False, False]])
    pairs = Pairs(same, ~same & (distances > 0.0))
    random = torch.Generator().manual_seed(0)

    drawn = [int(mined(distances, pairs, MARGIN, Negatives.SEMI_HARD, random).negatives) for _ in range(3000)]

    counts = [drawn.count(column) for column in range(7)]
    assert counts[:2] + counts[5:] == [0, 0, 0, 0]
    assert all(900 < count < 1100 for count in counts[2:5])


def test_borders_are_not_semi_hard() -> None:
    distances = torch.tensor([[0.0, 0.5, 0.5, 0.5 + MARGIN]])
    pairs = Pairs(torch.tensor([[False, True, False, False]]), torch.tensor([[False, False, True, True]]))

    assert len(mined(distances, pairs, MARGIN, Negatives.SEMI_HARD, torch.Generator())) == 0


@pytest.mark.parametrize("kind", Negatives)
def test_blocks_change_nothing(kind: Negatives, monkeypatch: pytest.MonkeyPatch) -> None:
    people = [row // 5 for row in range(40)]
    distances = batch(people, 3)
    whole = found(distances, people, kind)
    monkeypatch.setattr(mining, "BLOCK_CELLS", 700)

    assert found(distances, people, kind) == whole


@pytest.mark.parametrize("kind", Negatives)
def test_a_batch_without_pairs_or_without_others_gives_no_triplets(kind: Negatives) -> None:
    assert found(batch([0, 1, 2], 0), [0, 1, 2], kind) == []
    assert found(batch([0, 0, 0], 0), [0, 0, 0], kind) == []


def test_masks_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"same and other must be \(A, G\)"):
        Pairs(torch.ones(2, 3, dtype=torch.bool), torch.ones(3, 2, dtype=torch.bool))


@pytest.mark.parametrize("kind", [Negatives.HARDEST, Negatives.SEMI_HARD])
def test_hardest_negatives_collapse_a_network_and_semi_hard_do_not(kind: Negatives, tmp_path: Path) -> None:
    """f = 0, as FaceNet's section 3.2 warns of: with enough noise the nearest stranger always seems a twin."""
    source = faces(100, 60, noise=0.7, useless=3.0)
    network = SmallNetwork()
    settings = Settings(
        steps=200, people=40, photos=4, negatives=kind, collapse_steps=50, threads=1, validate_every=200
    )

    outcome = train(network, source, settings, tmp_path)

    centres = vectors_of(network, source)[::60]
    apart = float(squared_distances(torch.from_numpy(centres), torch.from_numpy(centres)).mean())
    if kind is Negatives.HARDEST:
        assert outcome.ended is Ended.COLLAPSED
        assert "collapsed: for 50 steps everybody has been in one place" in outcome.why
        assert apart < 10 * ONE_POINT
    else:
        assert outcome.ended is Ended.STEPS
        assert apart > 1.0

"""The triplet loss against a plain loop and against pytorch-metric-learning."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.distances import LpDistance  # type: ignore[import-untyped]
from pytorch_metric_learning.losses import TripletMarginLoss  # type: ignore[import-untyped]
from torch import Tensor
from torch.nn import functional as F

from engines.training.mining import Triplets, mined, pairs_of
from engines.training.settings import MARGIN, Negatives
from engines.training.triplet_loss import squared_distances, triplet_loss


def vectors(count: int, dimension: int = 8, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, dimension, generator=random))


def all_triplets(distances: Tensor, people: Tensor) -> Triplets:
    return mined(distances, pairs_of(people), MARGIN, Negatives.ALL, torch.Generator())


def plain_loss(x: list[list[float]], people: list[int], margin: float) -> tuple[float, int]:
    """Equation 1 as it is printed, and how many triplets cost something."""
    costs = []
    count = len(x)
    for a in range(count):
        for p in range(count):
            for n in range(count):
                if a != p and people[a] == people[p] and people[a] != people[n]:
                    near = sum((i - j) ** 2 for i, j in zip(x[a], x[p], strict=True))
                    far = sum((i - j) ** 2 for i, j in zip(x[a], x[n], strict=True))
                    costs.append(max(0.0, near - far + margin))
    active = [cost for cost in costs if cost > 0.0]
    return sum(active) / max(len(active), 1), len(active)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=9), st.integers(0, 1000), st.floats(0.01, 2.0))
def test_it_is_equation_1_over_active_triplets(people: list[int], seed: int, margin: float) -> None:
    x = vectors(len(people), 4, seed)
    distances = squared_distances(x, x)

    found = triplet_loss(distances, all_triplets(distances, torch.tensor(people)), margin)

    wanted, active = plain_loss(x.double().tolist(), people, margin)
    # As sums: a cost of nearly nothing may count as active in one arithmetic and not in the other.
    assert float(found.loss) * found.active == pytest.approx(wanted * active, abs=1e-6 * (found.triplets + 1))
    assert found.active == pytest.approx(active, abs=1)


@pytest.mark.parametrize("kind", Negatives)
def test_loss_and_gradient_are_pytorch_metric_learnings(kind: Negatives) -> None:
    people = torch.arange(8).repeat_interleave(4)
    ours, theirs = (vectors(32, 16, 3).requires_grad_() for _ in range(2))
    distances = squared_distances(ours, ours)
    triplets = mined(distances, pairs_of(people), MARGIN, kind, torch.Generator().manual_seed(1))
    squared = LpDistance(normalize_embeddings=False, p=2, power=2)
    their_loss = TripletMarginLoss(margin=MARGIN, distance=squared)

    loss = triplet_loss(distances, triplets, MARGIN).loss
    wanted = their_loss(theirs, people, (triplets.anchors, triplets.positives, triplets.negatives))
    torch.autograd.backward(loss)
    wanted.backward()

    assert float(loss.detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)
    assert ours.grad is not None
    assert theirs.grad is not None
    # Off the sphere |a-b|² and 2 - 2ab differ along the vector itself, which normalisation takes out.
    along = ours.detach()
    ours_on, theirs_on = (
        grad - (grad * along).sum(1, keepdim=True) * along for grad in (ours.grad, theirs.grad)
    )
    torch.testing.assert_close(ours_on, theirs_on, atol=1e-6, rtol=1e-4)


def test_a_gradient_through_the_sphere_is_that_of_finite_differences() -> None:
    people = torch.tensor([0, 0, 1, 1, 2])
    raw = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    triplets = all_triplets(torch.zeros(5, 5), people)

    def cost(values: Tensor) -> Tensor:
        unit = F.normalize(values)
        distances = (unit[:, None] - unit[None]).square().sum(2)
        return triplet_loss(distances, triplets, MARGIN).loss

    assert torch.autograd.gradcheck(cost, raw.requires_grad_())


def test_coincident_points_have_a_finite_gradient_and_cost_the_margin() -> None:
    x = vectors(1).repeat(6, 1).requires_grad_()
    distances = squared_distances(x, x)

    found = triplet_loss(distances, all_triplets(distances, torch.tensor([0, 0, 0, 1, 1, 1])), MARGIN)
    torch.autograd.backward(found.loss)

    assert float(found.loss.detach()) == pytest.approx(MARGIN, abs=1e-6)
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())


def test_solved_triplets_cost_nothing_and_leave_a_graph() -> None:
    x = torch.eye(4)[[0, 0, 1, 1]].requires_grad_()
    distances = squared_distances(x, x)

    found = triplet_loss(distances, all_triplets(distances, torch.tensor([0, 0, 1, 1])), MARGIN)
    torch.autograd.backward(found.loss)

    assert (float(found.loss.detach()), found.active, found.triplets) == (0.0, 0, 8)
    assert x.grad is not None
    assert not x.grad.any()


def test_distances_under_autocast_are_those_without() -> None:
    x = vectors(10, 64)
    plain = squared_distances(x, x)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(squared_distances(x, x), plain)
    assert float(plain.diagonal().abs().max()) < 1e-6
    assert float(plain[0, 1]) == pytest.approx(math.dist(x[0].tolist(), x[1].tolist()) ** 2, abs=1e-5)

"""Counting, held to networks whose figures are plain to see."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engines.networks.counting import CountedLayer, counted


@pytest.fixture
def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2, padding=1),
        nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 5, 1, bias=False), nn.ReLU()),
        nn.Flatten(),
        nn.Linear(5 * 4 * 4, 6),
    )


def test_each_layer_is_counted_with_all_inside_it(network: nn.Sequential) -> None:
    have = counted(network, 8)

    assert have.layers == (
        CountedLayer("0", (4, 4, 4), 4 * 3 * 9 + 4, (4 * 3 * 9 + 4) * 16),
        CountedLayer("1", (5, 4, 4), 4 * 5 + 2 * 4, 4 * 5 * 16),  # the norm learns, and costs nothing
        CountedLayer("2", (80,), 0, 0),
        CountedLayer("3", (6,), 80 * 6 + 6, 80 * 6 + 6),
    )
    assert have.parameters == sum(each.parameters for each in have.layers)
    assert have.multiply_adds == sum(each.multiply_adds for each in have.layers)
    assert have.layer("3").output == (6,)


def test_a_layer_that_runs_twice_costs_twice() -> None:
    shared = nn.Conv2d(3, 3, 1, bias=False)

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(shared, nn.ReLU(), shared)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            result: torch.Tensor = self.inner(x)
            return result

    have = counted(Twice(), 2)

    assert (have.parameters, have.multiply_adds) == (9, 2 * 9 * 4)


def test_the_network_is_left_as_it_was(network: nn.Sequential) -> None:
    network.train()
    (norm,) = (module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    before = norm.running_mean

    counted(network, 8)

    assert network.training
    assert norm.training
    assert norm.running_mean is before
    assert not any(module._forward_hooks for module in network.modules())


def test_an_unknown_layer(network: nn.Sequential) -> None:
    with pytest.raises(KeyError, match="conv9"):
        counted(network, 8).layer("conv9")

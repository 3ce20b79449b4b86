"""NNS1 and NNS2: the paper names size and cost, and these are held to them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engines.networks.counting import counted
from engines.networks.mini import NNS1, NNS2


@pytest.mark.parametrize(
    ("network", "side", "parameters", "flops"), [(NNS1, 165, 26e6, 220e6), (NNS2, 140, 4.3e6, 20e6)]
)
def test_the_papers_size_and_cost(
    network: type[nn.Module], side: int, parameters: float, flops: float
) -> None:
    with torch.device("meta"):
        have = counted(network(), side)

    assert have.parameters == pytest.approx(parameters, rel=0.05)
    assert have.multiply_adds == pytest.approx(flops, rel=0.05)


def test_nns2_sees_the_papers_116_columns() -> None:
    have = counted(NNS2(), 140)

    assert have.layers[0].output == (3, 140, 116)
    assert have.layer("conv1").output == (16, 70, 58)

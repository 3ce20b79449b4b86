"""Inception-ResNet-v1 with batch norm: the folded network's sizes, and weights that move."""

from __future__ import annotations

import pytest
import torch

from engines.networks.counting import counted
from engines.networks.inception_resnet_v1 import Convolution, InceptionResnetV1
from engines.networks.trainable_resnet import Normed, TrainableResnet


@pytest.fixture(scope="module")
def network() -> TrainableResnet:
    torch.manual_seed(0)
    return TrainableResnet(64)


def test_it_is_the_folded_network_with_norms(network: TrainableResnet) -> None:
    folded, normed = counted(InceptionResnetV1(), 160), counted(network, 160)
    outputs = {
        each.name: each.output for each in folded.layers if each.name not in ("bottleneck", "batch_norm")
    }

    assert {each.name: each.output for each in normed.layers if each.name in outputs} == outputs
    kinds = [type(module) for module in network.modules()]
    # Of 132 convolutions, the last one of each of 21 residual blocks has a bias instead.
    assert (kinds.count(Normed), kinds.count(Convolution)) == (111, 21)


def test_every_weight_gets_a_gradient(network: TrainableResnet) -> None:
    vectors = network.train()(torch.randn(2, 3, 160, 160))
    (vectors[0] @ vectors[1]).backward()

    assert vectors.shape == (2, 64)
    without = [name for name, each in network.named_parameters() if each.grad is None]
    assert without == []

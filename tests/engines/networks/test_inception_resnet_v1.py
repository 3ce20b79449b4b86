"""The network's shape; its weights are test_weights' matter."""

from __future__ import annotations

import pytest
import torch

from engines.networks.inception_resnet_v1 import Convolution, InceptionResnetV1


@pytest.fixture(scope="module")
def network() -> InceptionResnetV1:
    torch.manual_seed(0)
    return InceptionResnetV1().eval()


def test_unit_vectors_for_any_batch(network: InceptionResnetV1) -> None:
    with torch.inference_mode():
        vectors = network(torch.rand(2, 3, 160, 160) - 0.5)

    assert vectors.shape == (2, 512)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2), atol=1e-6)


def test_every_convolution_has_a_layer_of_its_own(network: InceptionResnetV1) -> None:
    convolutions = [module for module in network.modules() if isinstance(module, Convolution)]

    assert len(convolutions) == len({module.layer for module in convolutions}) == 132


def test_the_last_block_is_not_rectified(network: InceptionResnetV1) -> None:
    with torch.inference_mode():
        grid = network.block8(torch.rand(1, 1792, 3, 3) - 0.5)

    assert grid.min() < 0

"""Layers held to their formulas, written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.networks.layers import ConvRelu, L2Pool, Maxout, Narrowed, ResponseNorm, UnitLength


@pytest.mark.parametrize("stride", [1, 2])
def test_l2_pooling_is_the_root_of_the_mean_square(stride: int) -> None:
    image = np.random.default_rng(0).normal(size=(5, 6))
    padded = np.pad(image, 1)
    want = [
        [np.sqrt(np.mean(padded[y : y + 3, x : x + 3] ** 2)) for x in range(0, 6, stride)]
        for y in range(0, 5, stride)
    ]

    have = L2Pool(stride)(torch.tensor(image, dtype=torch.float32)[None, None])

    np.testing.assert_allclose(have[0, 0].numpy(), want, rtol=1e-5)


def test_l2_pooling_has_a_gradient_where_all_is_black() -> None:
    image = torch.zeros(1, 1, 4, 4, requires_grad=True)

    L2Pool()(image).sum().backward()

    assert image.grad is not None
    assert bool(torch.isfinite(image.grad).all())


def test_response_norm_is_krizhevskys() -> None:
    values = np.random.default_rng(0).normal(scale=30.0, size=9)
    want = [
        value / (2.0 + 1e-4 * np.sum(values[max(0, at - 2) : at + 3] ** 2)) ** 0.75
        for at, value in enumerate(values)
    ]

    have = ResponseNorm()(torch.tensor(values, dtype=torch.float32).reshape(1, 9, 1, 1))

    np.testing.assert_allclose(have.flatten().numpy(), want, rtol=1e-5)


def test_maxout_keeps_the_larger_of_two() -> None:
    torch.manual_seed(0)
    layer = Maxout(7, 5)
    x = torch.randn(3, 7)

    have = layer(x)

    assert have.shape == (3, 5)
    assert torch.equal(have, torch.maximum(layer.one(x), layer.other(x)))
    assert not torch.equal(have, layer.one(x))


@settings(deadline=None)
@given(
    columns=st.integers(2, 40), narrowed=st.integers(1, 40), slope=st.floats(-3, 3), offset=st.floats(-9, 9)
)
def test_narrowing_keeps_a_slope(columns: int, narrowed: int, slope: float, offset: float) -> None:
    """Linear interpolation at the centres of the new columns is exact on a line, also beyond its last centre."""
    narrowed = min(narrowed, columns)
    places = torch.arange(columns, dtype=torch.float32)
    image = (slope * places + offset).expand(1, 1, 2, columns)
    centres = (torch.arange(narrowed) + 0.5) * columns / narrowed - 0.5

    have = Narrowed(columns, narrowed)(image)

    torch.testing.assert_close(have[0, 0, 1], slope * centres + offset, atol=1e-3, rtol=1e-4)


def test_narrowing_has_nothing_to_train_or_save() -> None:
    layer = Narrowed(140, 116)

    assert list(layer.parameters()) == []
    assert layer.state_dict() == {}


def test_unit_length_and_no_division_by_zero() -> None:
    rows = torch.tensor([[3.0, 4.0], [0.0, 0.0]])

    assert UnitLength()(rows).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0.0, 0.0]]


@pytest.mark.parametrize(("norm", "biases"), [("response", 1), ("batch", 0)])
def test_a_convolution_has_a_bias_or_batch_norm(norm: str, biases: int) -> None:
    layer = ConvRelu(3, 4, 3, stride=2, norm="batch" if norm == "batch" else "response")

    assert layer(torch.randn(2, 3, 9, 9)).shape == (2, 4, 5, 5)
    assert (layer.convolution.bias is not None) == bool(biases)
    assert isinstance(layer.norm, torch.nn.BatchNorm2d) != bool(biases)

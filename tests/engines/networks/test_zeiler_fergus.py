"""NN1 line by line as the paper's table 1 has it."""

from __future__ import annotations

import pytest
import torch

from engines.networks.counting import Counted, counted
from engines.networks.zeiler_fergus import NN1

TABLE_1 = (
    # layer, output size, parameters and FLOPS as printed; 0: the row prints none
    ("conv1", (64, 110, 110), 9, 115),
    ("pool1", (64, 55, 55), 0, 0),
    ("rnorm1", (64, 55, 55), 0, 0),
    ("conv2a", (64, 55, 55), 4, 13),
    ("conv2", (192, 55, 55), 111, 335),
    ("rnorm2", (192, 55, 55), 0, 0),
    ("pool2", (192, 28, 28), 0, 0),
    ("conv3a", (192, 28, 28), 37, 29),
    ("conv3", (384, 28, 28), 664, 521),
    ("pool3", (384, 14, 14), 0, 0),
    ("conv4a", (384, 14, 14), 148, 29),
    ("conv4", (256, 14, 14), 885, 173),
    ("conv5a", (256, 14, 14), 66, 13),
    ("conv5", (256, 14, 14), 590, 116),
    ("conv6a", (256, 14, 14), 66, 13),
    ("conv6", (256, 14, 14), 590, 116),
    ("pool4", (256, 7, 7), 0, 0),
    ("concat", (12_544,), 0, 0),
    ("fc1", (32 * 128,), 103_000, 103),
    ("fc2", (32 * 128,), 34_000, 34),
    ("fc7128", (128,), 524, 0.5),
)


@pytest.fixture(scope="module")
def nn1() -> Counted:
    # Of no storage: 140M parameters are 560 MB, and counting needs only their shapes.
    with torch.device("meta"):
        return counted(NN1(), 220)


@pytest.mark.parametrize(
    ("name", "output", "thousands", "millions"), TABLE_1, ids=[row[0] for row in TABLE_1]
)
def test_a_line_of_table_1(
    name: str, output: tuple[int, ...], thousands: int, millions: float, nn1: Counted
) -> None:
    layer = nn1.layer(name)

    assert layer.output == output
    step = 1_000 if thousands > 1_000 else 1
    assert round(layer.parameters / 1e3 / step) * step == thousands
    assert round(layer.multiply_adds / 1e6, 1 if millions == 0.5 else None) == millions


def test_nn1_as_a_whole(nn1: Counted) -> None:
    assert round(nn1.parameters, -6) == 140e6
    assert round(nn1.multiply_adds, -8) == 1.6e9


def test_a_narrow_one_runs() -> None:
    with torch.inference_mode():
        vectors = NN1(16, maxout=8).eval()(torch.rand(2, 3, 220, 220) - 0.5)

    assert vectors.shape == (2, 16)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))

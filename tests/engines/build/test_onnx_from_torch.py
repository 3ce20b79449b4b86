"""A torch network as ONNX: the same numbers, for any size of batch, and no warning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from engines.backends.base import TensorSpec
from engines.backends.openvino_module import openvino_core
from engines.build.onnx_from_torch import write_onnx

INPUT = TensorSpec("image", ("batch", 3, 8, 8))
OUTPUT = TensorSpec("vector", ("batch", 5))


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    ).eval()


def test_the_file_says_which_sizes_are_free(network: nn.Module, tmp_path: Path) -> None:
    write_onnx(network, INPUT, OUTPUT, tmp_path / "network.onnx")
    graph = onnx.load(str(tmp_path / "network.onnx")).graph
    shapes = [
        (value.name, [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim])
        for value in (*graph.input, *graph.output)
    ]
    assert shapes == [("image", ["batch", 3, 8, 8]), ("vector", ["batch", 5])]


@pytest.mark.parametrize("batch", [1, 3])
def test_it_computes_what_torch_computes(network: nn.Module, tmp_path: Path, batch: int) -> None:
    write_onnx(network, INPUT, OUTPUT, tmp_path / "network.onnx")
    images = np.random.default_rng(0).standard_normal((batch, 3, 8, 8)).astype(np.float32)
    path = str(tmp_path / "network.onnx")
    compiled = openvino_core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.inference_mode():
        expected = network(torch.from_numpy(images)).numpy()
    assert compiled(images)[0] == pytest.approx(expected, abs=1e-5)

"""ONNX in torch, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from engines.errors import ModelFileError
from engines.networks.onnx_file import read_onnx, tensor_specs
from engines.networks.onnx_graph import OnnxGraph
from tests.engines.tiny import detector_onnx, embedder_onnx


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    (tmp_path / "detector.onnx").write_bytes(detector_onnx())
    return tmp_path / "detector.onnx"


def test_it_agrees_with_onnxruntime(detector: Path) -> None:
    image = np.random.default_rng(0).random((10, 3, 32, 32), dtype=np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(detector), options, providers=["CPUExecutionProvider"])

    with torch.inference_mode():
        have = OnnxGraph(read_onnx(detector))(torch.from_numpy(image))

    for mine, theirs in zip(have, session.run(None, {"image": image}), strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-5, atol=1e-6)


def test_weights_are_not_inputs(detector: Path) -> None:
    inputs, outputs = tensor_specs(read_onnx(detector))

    assert [(spec.name, spec.shape) for spec in inputs] == [("image", (10, 3, 32, 32))]
    assert [spec.name for spec in outputs] == ["heat", "size"]


def test_an_unknown_operator_is_named(tmp_path: Path) -> None:
    (tmp_path / "embedder.onnx").write_bytes(embedder_onnx())

    with pytest.raises(ModelFileError, match=r"no operator Flatten.*engine\.backend=openvino"):
        OnnxGraph(read_onnx(tmp_path / "embedder.onnx"))


@pytest.mark.parametrize("data", [b"", b"something else", detector_onnx()[:-200]])
def test_what_is_not_onnx(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(data)

    with pytest.raises(ModelFileError, match=r"x\.onnx is not an ONNX model"):
        read_onnx(tmp_path / "x.onnx")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file"):
        read_onnx(tmp_path / "x.onnx")

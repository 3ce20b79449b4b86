"""Operations and bytes, counted by hand for small graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from benchmarks._roofline_networks import work_of


def write(
    path: Path, node: NodeProto, weights: tuple[int, ...], shape: list[str | int], out: list[str | int]
) -> Path:
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)],
        [numpy_helper.from_array(np.zeros(weights, np.float32), "w")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), str(path))
    return path


def test_a_convolution(tmp_path: Path) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[3, 3], strides=[2, 2])
    file = write(tmp_path / "c.onnx", node, (8, 3, 3, 3), ["n", 3, "h", "w"], ["n", 8, "a", "b"])
    work = work_of(file, (2, 3, 9, 9))
    outputs = 2 * 8 * 4 * 4
    assert work.operations == 2 * outputs * 3 * 3 * 3
    assert work.weights == 8 * 27
    assert work.activations == 2 * 3 * 81 + outputs
    assert work.bytes_moved("bf16") == 2 * (8 * 27 + 2 * 3 * 81 + outputs)


def test_a_convolution_in_groups(tmp_path: Path) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[1, 1], group=4)
    file = write(tmp_path / "c.onnx", node, (4, 1, 1, 1), ["n", 4, "h", "w"], ["n", 4, "h", "w"])
    assert work_of(file, (1, 4, 5, 5)).operations == 2 * 4 * 25


def test_a_transposed_convolution(tmp_path: Path) -> None:
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], kernel_shape=[2, 2], strides=[2, 2])
    file = write(tmp_path / "t.onnx", node, (6, 3, 2, 2), ["n", 6, "h", "w"], ["n", 3, "a", "b"])
    work = work_of(file, (1, 6, 4, 4))
    assert work.operations == 2 * (6 * 16) * (3 * 2 * 2)
    assert work.activations == 6 * 16 + 3 * 64


def test_a_matrix_product(tmp_path: Path) -> None:
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    file = write(tmp_path / "m.onnx", node, (10, 5), ["n", 10], ["n", 5])
    assert work_of(file, (7, 10)).operations == 2 * 7 * 5 * 10

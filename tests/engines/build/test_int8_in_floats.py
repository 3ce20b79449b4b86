"""Int8 in floats, held to numpy and to ONNX's own reference."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from engines.arrays import F32
from engines.build.int8_in_floats import int8_in_floats


def quantised_product() -> onnx.ModelProto:
    """x (n, 4) in steps of 0.5, times int8 weights with a step for each of three outputs."""
    weights = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
    constants = [
        numpy_helper.from_array(np.array(0.5, np.float32), "step"),
        numpy_helper.from_array(np.array(0, np.int8), "zero"),
        numpy_helper.from_array(weights, "w_int8"),
        numpy_helper.from_array(np.array([0.25, 1.0, 3.0], np.float32), "w_steps"),
    ]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "step", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["w_int8", "w_steps"], ["w"], axis=0),
        helper.make_node("Gemm", ["d", "w"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)


def run(model: onnx.ModelProto, x: F32) -> F32:
    (y,) = ReferenceEvaluator(model).run(None, {"x": x})
    return np.asarray(y, np.float32)


def test_it_gives_what_the_quantise_nodes_say() -> None:
    source = quantised_product()
    model = int8_in_floats(source)
    onnx.checker.check_model(model, full_check=True)
    x = np.random.default_rng(0).normal(0, 40, (50, 4)).astype(np.float32)

    np.testing.assert_allclose(run(model, x), run(source, x), rtol=1e-6)
    assert not {"QuantizeLinear", "DequantizeLinear"} & {node.op_type for node in model.graph.node}


def test_halves_go_to_even_and_what_is_too_large_is_cut_off() -> None:
    x = np.array([[0.25, 0.75, 1000.0, -1000.0]], np.float32)  # 0.5, 1.5, 2000 and -2000 steps

    seen = run(int8_in_floats(quantised_product()), x)

    rounded = np.array([0.0, 1.0, 63.5, -64.0], np.float32)
    weights = np.arange(-6, 6).reshape(3, 4) * np.array([[0.25], [1.0], [3.0]])
    np.testing.assert_allclose(seen[0], weights @ rounded, rtol=1e-6)


def test_the_source_is_left_alone() -> None:
    source = quantised_product()
    before = source.SerializeToString()

    int8_in_floats(source)

    assert source.SerializeToString() == before

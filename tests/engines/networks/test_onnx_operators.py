"""Each operator in torch, held to onnxruntime's, and the forms that are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from engines.arrays import F32, I64
from engines.errors import ModelFileError
from engines.networks.onnx_graph import OnnxGraph
from engines.networks.onnx_operators import OPERATORS

IMAGE, ROWS = (2, 6, 9, 8), (3, 5)


def seeded(*shape: int) -> F32:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def number(value: float) -> F32:
    return np.array(value, np.float32)


def places(*values: int) -> I64:
    return np.array(values, np.int64)


CASES: tuple[tuple[str, tuple[int, ...], tuple[F32 | I64, ...], dict[str, Any]], ...] = (
    ("AveragePool", IMAGE, (), {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1}),
    ("AveragePool", IMAGE, (), {"kernel_shape": [3, 3], "pads": [1] * 4, "strides": [2, 2]}),
    ("Clip", ROWS, (number(-0.1),), {}),
    ("Clip", ROWS, (number(-0.1), number(0.2)), {}),
    ("Concat", ROWS, (seeded(3, 2),), {"axis": 1}),
    ("Div", ROWS, (seeded(3, 1),), {}),
    ("Gather", IMAGE, (places(3, 0, 0),), {"axis": 3}),
    ("Gemm", ROWS, (seeded(4, 5), seeded(4)), {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    ("Gemm", ROWS, (seeded(3, 4),), {"transA": 1}),
    ("Identity", ROWS, (), {}),
    ("LRN", IMAGE, (), {"size": 5, "alpha": 0.3, "beta": 0.6, "bias": 2.0}),
    ("MatMul", ROWS, (seeded(5, 2),), {}),
    ("Max", ROWS, (seeded(3, 5), seeded(3, 1)), {}),
    ("MaxPool", IMAGE, (), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}),
    ("MaxPool", IMAGE, (), {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
    ("Mul", ROWS, (seeded(5),), {}),
    ("Pow", ROWS, (number(2.0),), {}),
    ("ReduceL2", IMAGE, (), {"axes": [1, 2], "keepdims": 0}),
    ("ReduceMean", IMAGE, (), {"axes": [2, 3], "keepdims": 1}),
    ("Reshape", IMAGE, (places(-1, 12),), {}),
    ("Sub", ROWS, (seeded(5),), {}),
)


def model_of(
    operator: str, shape: tuple[int, ...], others: tuple[F32 | I64, ...], attributes: dict[str, Any]
) -> onnx.ModelProto:
    """One operator on `x`; its second input is a constant node, those after it are weights."""
    names = [f"given{at}" for at in range(len(others))]
    values = [numpy_helper.from_array(each, name) for name, each in zip(names, others, strict=True)]
    nodes = [
        helper.make_node("Constant", [], [name], value=value)
        for name, value in zip(names, values, strict=True)
    ]
    nodes = [*nodes[:1], helper.make_node(operator, ["x", *names], ["y"], **attributes)]
    graph = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        values[1:],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("operator", "shape", "others", "attributes"),
    CASES,
    ids=[f"{case[0]}-{at}" for at, case in enumerate(CASES)],
)
def test_it_agrees_with_onnxruntime(
    operator: str, shape: tuple[int, ...], others: tuple[F32 | I64, ...], attributes: dict[str, Any]
) -> None:
    model, x = model_of(operator, shape, others, attributes), seeded(*shape)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (want,) = session.run(None, {"x": x})

    (have,) = OnnxGraph(model)(torch.from_numpy(x))

    np.testing.assert_allclose(have.numpy(), want, rtol=1e-5, atol=1e-6)


def test_the_root() -> None:
    x = np.abs(seeded(*ROWS))

    (have,) = OnnxGraph(model_of("Sqrt", ROWS, (), {}))(torch.from_numpy(x))

    np.testing.assert_allclose(have.numpy(), np.sqrt(x), rtol=1e-6)


def test_a_reduction_since_opset_18_names_its_axes_as_an_input() -> None:
    x = torch.from_numpy(seeded(*IMAGE))

    have = OPERATORS["ReduceMean"]([x, torch.tensor([2, 3])], {"keepdims": 0})

    torch.testing.assert_close(have, x.mean(dim=(2, 3)))


@pytest.mark.parametrize(
    ("operator", "others", "attributes", "message"),
    [
        ("MaxPool", (), {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]}, "pads both sides alike"),
        ("ReduceMean", (), {}, "reduces along named axes"),
        ("Gather", (np.array([[0, 1]], np.int64),), {"axis": 1}, "gathers by a row"),
    ],
)
def test_a_form_that_is_not_known_is_refused(
    operator: str, others: tuple[I64, ...], attributes: dict[str, Any], message: str
) -> None:
    graph = OnnxGraph(model_of(operator, IMAGE, others, attributes))

    with pytest.raises(ModelFileError, match=message):
        graph(torch.zeros(IMAGE))


def test_a_missing_input_in_the_middle_is_refused_at_once() -> None:
    model = model_of("Clip", ROWS, (number(0.0), number(1.0)), {})
    model.graph.node[-1].input[1] = ""

    with pytest.raises(ModelFileError, match=r"no operator Clip without its input 2; run .*openvino"):
        OnnxGraph(model)

"""Networks in fp16: which nodes compute in it, what stays as it was, and how far the results are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from engines.build.dynamic_onnx import free_dimensions, unit_length
from engines.build.half_precision import half_precision
from engines.build.pixels import takes_pixels
from engines.errors import BuildError
from engines.zoo.description import InputFormat
from tests.engines.tiny import SIDE_PX, detector_onnx, embedder_onnx, weight

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
FORM = InputFormat(mean=(127.5,) * 3, scale=(1 / 128,) * 3)


def embedder(form: InputFormat = FORM) -> ModelProto:
    return takes_pixels(
        unit_length(free_dimensions(onnx.load_from_string(embedder_onnx()), any_size=False)), form
    )


def detector() -> ModelProto:
    return takes_pixels(free_dimensions(onnx.load_from_string(detector_onnx()), any_size=True), FORM)


def graph_of(
    nodes: list[onnx.NodeProto], weights: list[TensorProto], opset: int = 17, rank: int = 4
) -> ModelProto:
    """Float planes `x` (n, 3, 8, 8) to `y` of this rank."""
    inputs = [helper.make_tensor_value_info("x", FLOAT, ["n", 3, SIDE_PX, SIDE_PX])]
    outputs = [helper.make_tensor_value_info("y", FLOAT, [None] * rank)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def types_in(model: ModelProto) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name: value.type.tensor_type.elem_type for value in values}


def computed_in(model: ModelProto) -> dict[str, int]:
    """Element type of what each kind of node gives; of several nodes of a kind the last."""
    types = types_in(model)
    return {node.op_type: types[node.output[0]] for node in model.graph.node if node.op_type != "Cast"}


def run(model: ModelProto, value: np.ndarray) -> list[np.ndarray]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # As the file says: an optimiser would compute several nodes in fp32 and round once.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return list(session.run(None, {session.get_inputs()[0].name: value}))


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


def test_an_embedder() -> None:
    source, half = embedder(), half_precision(embedder())

    assert [*half.graph.input, *half.graph.output] == [*source.graph.input, *source.graph.output]
    assert computed_in(half) == {
        "Sub": HALF,
        "Mul": HALF,
        "Transpose": HALF,
        "Conv": HALF,
        "Flatten": FLOAT,
        "LpNormalization": FLOAT,
    }
    assert {item.data_type for item in half.graph.initializer} == {HALF}
    images = pixels(3, SIDE_PX, SIDE_PX, 3)
    (want,), (have,) = run(source, images), run(half, images)
    assert have.dtype == np.float32
    assert np.allclose(np.linalg.norm(have, axis=1), 1.0, atol=1e-6)
    assert (want * have).sum(axis=1).min() > 0.99999


def test_a_detector() -> None:
    source, half = detector(), half_precision(detector())

    assert [*half.graph.input, *half.graph.output] == [*source.graph.input, *source.graph.output]
    # The score in fp32; `size` comes out of a convolution, and is cast.
    assert computed_in(half)["Sigmoid"] == FLOAT
    assert {
        computed_in(half)[kind] for kind in ("Conv", "ConvTranspose", "BatchNormalization", "Relu", "Add")
    } == {HALF}
    images = pixels(2, 64, 32, 3)
    for want, have in zip(run(source, images), run(half, images), strict=True):
        assert have.dtype == np.float32
        assert np.abs(want - have).max() < 0.005


def test_the_source_is_left_alone() -> None:
    source = detector()
    before = source.SerializeToString()
    half_precision(source)

    assert source.SerializeToString() == before


def test_it_is_the_same_every_time() -> None:
    assert half_precision(detector()).SerializeToString() == half_precision(detector()).SerializeToString()


def test_every_pixel_is_exact() -> None:
    planes = numpy_helper.from_array(np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), "same")
    model = takes_pixels(graph_of([helper.make_node("Conv", ["x", "same"], ["y"])], [planes]), FORM)
    values = np.resize(np.arange(256, dtype=np.uint8), (4, SIDE_PX, SIDE_PX, 3))

    (want,), (have,) = run(model, values), run(half_precision(model), values)

    assert len(np.unique(want)) == 256
    assert np.array_equal(want, have)


def test_a_mean_that_fp16_cannot_hold_stays_in_fp32() -> None:
    half = half_precision(embedder(InputFormat(mean=(123.675, 116.28, 103.53), scale=(1 / 58,) * 3)))

    computed = computed_in(half)
    assert (computed["Sub"], computed["Mul"], computed["Conv"]) == (FLOAT, FLOAT, HALF)


def test_sums_stay_in_fp32_wherever_they_are() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["a"]),
        helper.make_node("ReduceMean", ["a"], ["b"], axes=[2, 3], keepdims=1),
        helper.make_node("Mul", ["a", "b"], ["c"]),
        helper.make_node("Conv", ["c", "w2"], ["y"]),
    ]
    half = half_precision(graph_of(nodes, [weight("w1", (4, 3, 1, 1), 1), weight("w2", (2, 4, 1, 1), 2)]))

    assert computed_in(half) == {"Conv": HALF, "ReduceMean": FLOAT, "Mul": HALF}
    assert Counter(node.op_type for node in half.graph.node)["Cast"] == 4  # x, a for the mean, b, y


@pytest.mark.parametrize("value", [7e4, -1e9, float("inf")])
def test_weights_that_fp16_cannot_hold(value: float) -> None:
    large = numpy_helper.from_array(np.array(value, np.float32), "large")
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Min", ["a", "large"], ["b"]),
        helper.make_node("Conv", ["b", "v"], ["y"]),
    ]
    half = half_precision(
        graph_of(nodes, [weight("w", (4, 3, 1, 1), 1), large, weight("v", (2, 4, 1, 1), 2)])
    )

    assert computed_in(half)["Min"] == FLOAT


def test_variances_that_fp16_would_lose() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node(
            "BatchNormalization", ["a", "gain", "shift", "mean", "variance"], ["b"], epsilon=1e-12
        ),
        helper.make_node("Conv", ["b", "v"], ["y"]),
    ]
    small = numpy_helper.from_array(np.full(4, 1e-9, np.float32), "variance")
    named = [weight(name, (4,), seed) for seed, name in enumerate(("gain", "shift", "mean"))]
    weights = [weight("w", (4, 3, 1, 1), 8), *named, small, weight("v", (2, 4, 1, 1), 9)]

    assert computed_in(half_precision(graph_of(nodes, weights)))["BatchNormalization"] == FLOAT


def test_a_weight_that_is_used_in_both() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Conv", ["a", "w"], ["b"]),
        helper.make_node("Sqrt", ["w"], ["root"]),
        helper.make_node("Add", ["b", "root"], ["c"]),
        helper.make_node("Conv", ["c", "w"], ["y"]),
    ]
    half = half_precision(graph_of(nodes, [weight("w", (3, 3, 1, 1), 1, low=0.1)]))

    assert {item.name: item.data_type for item in half.graph.initializer} == {"w": FLOAT, "w_fp16": HALF}


def test_names_that_are_taken() -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["w_fp16"]),
        helper.make_node("Relu", ["w_fp16"], ["x_fp16"]),
        helper.make_node("Conv", ["x_fp16", "w"], ["y_fp16"]),
        helper.make_node("Conv", ["y_fp16", "w"], ["y"]),
    ]
    model = graph_of(nodes, [weight("w", (3, 3, 1, 1), 1)])
    (want,), (have,) = (
        run(each, pixels(1, 3, SIDE_PX, SIDE_PX).astype(np.float32))
        for each in (model, half_precision(model))
    )

    assert np.abs(want - have).max() < np.abs(want).max() * 0.005


def test_a_models_constants() -> None:
    two = numpy_helper.from_array(np.array(2.0, np.float32))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Constant", [], ["two"], value=two),
        helper.make_node("Constant", [], ["three"], value_float=3.0),
        helper.make_node("Mul", ["a", "two"], ["b"]),
        helper.make_node("Mul", ["b", "three"], ["c"]),
        helper.make_node("Resize", ["c", "", "scales"], ["d"], mode="nearest"),
        helper.make_node("Conv", ["d", "w"], ["y"]),
    ]
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    half = half_precision(graph_of(nodes, [weight("w", (3, 3, 1, 1), 1), scales]))

    assert computed_in(half)["Mul"] == HALF
    assert computed_in(half)["Resize"] == HALF
    assert run(half, np.ones((1, 3, SIDE_PX, SIDE_PX), np.float32))[0].shape == (1, 3, 16, 16)


def test_an_int8_model_keeps_its_products_beside_their_scales() -> None:
    scale = numpy_helper.from_array(np.array(0.02, np.float32), "s")
    zero = numpy_helper.from_array(np.array(0, np.int8), "z")
    whole = numpy_helper.from_array(np.full((4, 3, 1, 1), 9, np.int8), "w")
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
        helper.make_node("Conv", ["d", "wd"], ["y"]),
    ]
    half = half_precision(graph_of(nodes, [scale, zero, whole], opset=13))

    conv = next(node for node in half.graph.node if node.op_type == "Conv")
    assert half.opset_import[0].version == 19
    assert list(conv.input) == ["d", "wd"]
    assert {types_in(half)[name] for name in conv.input} == {HALF}
    assert Counter(node.op_type for node in half.graph.node)["Cast"] == 2


def test_loops_are_refused() -> None:
    branch = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["t"])], "b", [], [helper.make_tensor_value_info("t", FLOAT, None)]
    )
    true = numpy_helper.from_array(np.array(True), "true")
    node = helper.make_node("If", ["true"], ["y"], then_branch=branch, else_branch=branch)

    with pytest.raises(BuildError, match="branches or loops"):
        half_precision(graph_of([node], [true]))


def test_an_operator_of_nobodys() -> None:
    model = graph_of(
        [helper.make_node("Mine", ["x"], ["a"], domain="my.ops"), helper.make_node("Relu", ["a"], ["y"])], []
    )
    model.opset_import.append(helper.make_opsetid("my.ops", 1))

    with pytest.raises(BuildError, match="the type of a, which Mine gives, is not known"):
        half_precision(model)

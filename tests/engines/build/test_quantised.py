"""Networks in int8: what is quantised, how far the results are, and recipes that do not fit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper, numpy_helper

from engines.arrays import F32, U8
from engines.backends.openvino_module import openvino_core
from engines.build.dynamic_onnx import free_dimensions, unit_length
from engines.build.pixels import takes_pixels
from engines.build.quantisation_recipe import (
    QuantisationRecipe,
    QuantisedLayer,
    read_recipe,
    weights_digest,
)
from engines.build.quantised import convolutions, quantised, rounded
from engines.errors import BuildError, CatalogueError
from engines.zoo.description import InputFormat
from tests.engines.tiny import SIDE_PX, detector_onnx, embedder_onnx, weight

FACENET_RECIPE = Path(__file__).parents[3] / "config" / "statistics" / "facenet-20180408-int8.npz"


def embedder() -> ModelProto:
    model = unit_length(free_dimensions(onnx.load_from_string(embedder_onnx()), any_size=False))
    return takes_pixels(model, InputFormat(side_px=SIDE_PX, mean=(127.5,) * 3, scale=(1 / 128,) * 3))


def residual(opset: int = 17) -> ModelProto:
    """Planes (n, 3, 8, 8), a convolution with a rectifier, and a block whose result is added to that."""
    weights = [weight("first", (8, 3, 3, 3), 1), weight("second", (8, 8, 3, 3), 2), weight("b", (8,), 3)]
    nodes = [
        helper.make_node("Conv", ["x", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Conv", ["r", "second", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["r", "c"], ["y"]),
    ]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, SIDE_PX, SIDE_PX])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 8, SIDE_PX, SIDE_PX])]
    graph = helper.make_graph(nodes, "residual", inputs, outputs, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def recipe_of(model: ModelProto, ranges: dict[str, tuple[float, float]]) -> QuantisationRecipe:
    values = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    layers = tuple(
        QuantisedLayer(name, *range_, np.zeros(len(values[name]), np.float32))
        for name, range_ in ranges.items()
    )
    return QuantisationRecipe(layers, weights_digest(values, list(ranges)), "made by a test")


def kinds(model: ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def run(model: ModelProto, values: F32 | U8, threads: int = 1) -> F32:
    core = openvino_core()
    properties = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", properties)
    return np.array(compiled.create_infer_request().infer({0: values})[0])


@pytest.fixture
def images() -> U8:
    return np.random.default_rng(0).integers(0, 256, (5, SIDE_PX, SIDE_PX, 3)).astype(np.uint8)


@pytest.fixture
def planes() -> F32:
    return np.random.default_rng(0).uniform(-1.0, 1.0, (5, 3, SIDE_PX, SIDE_PX)).astype(np.float32)


RESIDUAL = {"first": (-1.0, 1.0), "second": (0.0, 6.0)}


def test_vectors_stay_where_they_were(images: U8) -> None:
    model = embedder()
    small = quantised(model, recipe_of(model, {"w": (-1.0, 1.0)}))
    assert np.all(np.sum(run(model, images) * run(small, images), axis=1) > 0.999)


def test_inputs_outputs_and_source_are_untouched() -> None:
    model = embedder()
    before = model.SerializeToString()
    small = quantised(model, recipe_of(model, {"w": (-1.0, 1.0)}))
    assert model.SerializeToString() == before
    assert list(small.graph.input) == list(model.graph.input)
    assert list(small.graph.output) == list(model.graph.output)


def test_float_weights_are_gone_and_the_same_recipe_gives_the_same_bytes() -> None:
    model = residual()
    small, again = (quantised(model, recipe_of(model, RESIDUAL)) for _ in range(2))
    assert {"first", "second", "b"}.isdisjoint(item.name for item in small.graph.initializer)
    assert small.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)


def test_a_tensor_is_quantised_once_and_so_for_all_that_read_it(planes: F32) -> None:
    model = residual()
    small = quantised(model, recipe_of(model, RESIDUAL))
    assert kinds(small)["QuantizeLinear"] == 2
    (add,) = (node for node in small.graph.node if node.op_type == "Add")
    assert add.input[0] == "r_dequantised"
    exact = run(model, planes)
    assert np.abs(run(small, planes) - exact).max() < 0.03 * np.abs(exact).max()


def test_what_the_recipe_does_not_name_stays_float() -> None:
    model = residual()
    small = quantised(model, recipe_of(model, {"second": RESIDUAL["second"]}))
    assert kinds(small)["QuantizeLinear"] == 1
    assert "first" in {item.name for item in small.graph.initializer}


def test_signed_activations_lie_around_zero(planes: F32) -> None:
    model = residual()
    small = quantised(model, recipe_of(model, RESIDUAL), signed=True)
    zeros = [numpy_helper.to_array(item) for item in small.graph.initializer if item.name.endswith("_zero")]
    assert {zero.dtype for zero in zeros} == {np.dtype(np.int8)}
    assert not np.any(zeros)
    exact = run(model, planes)
    assert np.abs(run(small, planes) - exact).max() < 0.05 * np.abs(exact).max()


def test_a_tensor_that_two_convolutions_read_has_both_their_ranges() -> None:
    model = residual()
    again = helper.make_node("Conv", ["r", "third"], ["z"], pads=[1, 1, 1, 1])
    model.graph.node.append(again)
    model.graph.initializer.append(weight("third", (8, 8, 3, 3), 4))
    ranges = {"second": (-1.0, 2.0), "third": (0.0, 5.0)}

    steps = {each: step(quantised(model, recipe_of(model, ranges), signed=each)) for each in (False, True)}

    assert np.isclose(steps[False], 6.0 / 255)  # -1 to 5
    assert np.isclose(steps[True], 5.0 / 127)


def step(model: ModelProto) -> float:
    """Of the tensor `r`."""
    return next(
        float(numpy_helper.to_array(item)) for item in model.graph.initializer if item.name == "r_step"
    )


def test_values_beyond_the_range_are_cut_off(planes: F32) -> None:
    model = residual()
    narrow = quantised(model, recipe_of(model, {"second": (0.0, 0.01)}))
    exact = run(quantised(model, recipe_of(model, {"second": (0.0, 6.0)})), planes)
    assert np.abs(run(narrow, planes) - exact).max() > 0.1 * np.abs(exact).max()


def test_the_correction_is_added_to_the_bias(planes: F32) -> None:
    model = residual()
    plain = recipe_of(model, RESIDUAL)
    moved = QuantisationRecipe(
        (plain.layers[0], QuantisedLayer("second", 0.0, 6.0, np.full(8, 0.5, np.float32))),
        plain.weights_sha256,
        plain.about,
    )
    np.testing.assert_allclose(
        run(quantised(model, moved), planes), run(quantised(model, plain), planes) + 0.5, atol=1e-5
    )


def test_a_row_depends_on_neither_batch_nor_threads(planes: F32) -> None:
    model = residual()
    small = quantised(model, recipe_of(model, RESIDUAL))
    rows = np.concatenate([run(small, planes[row : row + 1], threads=1) for row in range(len(planes))])
    np.testing.assert_array_equal(run(small, planes, threads=2), rows)


def test_old_models_are_brought_to_an_opset_with_steps_for_channels(planes: F32) -> None:
    model = residual(opset=9)
    small = quantised(model, recipe_of(model, RESIDUAL))
    assert small.opset_import[0].version == 13
    np.testing.assert_array_equal(
        run(small, planes), run(quantised(residual(), recipe_of(residual(), RESIDUAL)), planes)
    )


def test_only_convolutions_with_constant_weights_of_their_own_can_be_quantised() -> None:
    model = free_dimensions(onnx.load_from_string(detector_onnx()), any_size=True)
    assert list(convolutions(model)) == ["w1", "w2", "w4", "w5"]
    shared = residual()
    shared.graph.node[2].input[1] = "first"
    assert list(convolutions(shared)) == []


def test_a_recipe_of_other_weights_is_refused() -> None:
    model, other = residual(), residual()
    other.graph.initializer[0].CopyFrom(weight("first", (8, 3, 3, 3), 99))
    with pytest.raises(BuildError, match=r"other weights; .*bench quantise"):
        quantised(other, recipe_of(model, RESIDUAL))


def test_a_recipe_that_names_a_layer_that_is_not_there_is_refused() -> None:
    with pytest.raises(BuildError, match=r"second"):
        quantised(embedder(), recipe_of(residual(), {"second": (0.0, 1.0)}))


@given(st.integers(1, 4), st.integers(1, 3), st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
def test_rounded_weights_are_within_half_a_step(outputs: int, inputs: int, size: float, seed: int) -> None:
    weights = (np.random.default_rng(seed).standard_normal((outputs, inputs, 3, 3)) * size).astype(np.float32)
    exact = rounded(weights)
    assert np.all(np.abs(exact.values.reshape(outputs, -1)).max(axis=1) == 127)
    halves = exact.steps.reshape(-1, 1, 1, 1) * np.float32(0.5001)
    assert np.all(np.abs(exact.as_floats - weights) <= halves)


def test_weights_that_are_all_zero_stay_so() -> None:
    assert not rounded(np.zeros((2, 1, 3, 3), np.float32)).as_floats.any()


def test_a_recipe_is_read_as_it_was_written(tmp_path: Path) -> None:
    recipe = recipe_of(residual(), RESIDUAL)
    recipe.write(tmp_path / "a.npz")
    recipe.write(tmp_path / "b.npz")
    again = read_recipe(tmp_path / "a.npz")
    assert [(each.weight, each.low, each.high) for each in again.layers] == [
        (each.weight, each.low, each.high) for each in recipe.layers
    ]
    assert (again.weights_sha256, again.about) == (recipe.weights_sha256, recipe.about)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_recipe_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(CatalogueError, match=r"x\.npz cannot be read"):
        read_recipe(path)
    recipe_of(residual(), RESIDUAL).write(path)
    whole = path.read_bytes()
    for damaged in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(CatalogueError, match=r"no recipe for int8 \((?!.*pickle)"):
            read_recipe(path)


def test_a_recipe_of_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npz"
    monkeypatch.setattr("engines.build.quantisation_recipe.VERSION", 9)
    recipe_of(residual(), RESIDUAL).write(path)
    monkeypatch.undo()

    with pytest.raises(CatalogueError, match="of version 9, not 1"):
        read_recipe(path)


@pytest.mark.parametrize("range_", [(0.0, 0.0), (1.0, 2.0), (-2.0, -1.0), (float("nan"), 1.0)])
def test_a_range_holds_zero(range_: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="must hold 0"):
        QuantisedLayer("w", *range_, np.zeros(1, np.float32))


def test_the_recipe_that_ships_is_whole() -> None:
    recipe = read_recipe(FACENET_RECIPE)
    assert len(recipe.layers) == 132
    assert "bench quantise" in recipe.about

"""Which file a backend gets, and what a choice comes to for a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from engines.backends.base import TensorSpec
from engines.backends.choose import EngineChoice
from engines.build.from_description import write_model_onnx
from engines.build.network_files import (
    TensorrtWishes,
    fitting,
    precise_network,
    reference_engine,
    write_network,
)
from engines.build.quantised import convolutions
from engines.build.tensorrt_facts import TensorrtEngineFacts
from engines.errors import BuildError
from engines.networks.onnx_file import read_onnx, tensor_specs
from engines.zoo.description import ModelDescription
from tests.engines.build.test_quantised import recipe_of
from tests.engines.tiny import DIMENSION, SIDE_PX, detector_onnx, embedder_onnx, own_model

OPENVINO = EngineChoice("openvino", "int8", 1, "a processor", "asked for")
TENSORRT = EngineChoice("tensorrt", "fp16", 1, "a card", "asked for")
FACTS = TensorrtEngineFacts("tensorrt", "11", "fp16", (), None, ("8.9", "9.0"), False, False, None)


@pytest.fixture
def model(tmp_path: Path) -> ModelDescription:
    return own_model(tmp_path / "tiny.onnx", detector_onnx())


@pytest.fixture
def plain(model: ModelDescription, tmp_path: Path) -> Path:
    assert model.path is not None
    write_model_onnx(model, model.path, tmp_path / "plain.onnx")
    return tmp_path / "plain.onnx"


def test_int8_needs_a_file_of_the_model(model: ModelDescription) -> None:
    own = fitting(model, OPENVINO)

    assert own.precision in ("bf16", "fp32")
    assert own.reason == f"asked for; {own.precision}: tiny has no int8 file in models.yaml"
    assert fitting(model, EngineChoice("tensorrt", "int8", 1, "", "")).precision == "fp16"


def test_what_fits_is_left_alone(model: ModelDescription) -> None:
    quantised = model.model_copy(update={"int8": Path("int8.json")})

    assert fitting(quantised, OPENVINO) == OPENVINO
    assert fitting(model, TENSORRT) == TENSORRT


def test_openvino_takes_the_plain_network(model: ModelDescription, plain: Path, tmp_path: Path) -> None:
    choice = EngineChoice("openvino", "bf16", 1, "", "")

    assert precise_network(model, plain, tmp_path / "precise.onnx", choice) == plain


def test_tensorrt_takes_precision_from_the_network(
    model: ModelDescription, plain: Path, tmp_path: Path
) -> None:
    path = precise_network(model, plain, tmp_path / "precise.onnx", TENSORRT)

    assert path == tmp_path / "precise.onnx"
    assert tensor_specs(read_onnx(path)) == tensor_specs(read_onnx(plain))
    assert path.stat().st_size < plain.stat().st_size * 2


def test_int8_without_a_file(model: ModelDescription, plain: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"models\.yaml names no int8 file"):
        precise_network(model, plain, tmp_path / "precise.onnx", OPENVINO)


@pytest.mark.parametrize(("backend", "zero"), [(OPENVINO, np.uint8), (TENSORRT, np.int8)])
def test_tensorrt_takes_int8_around_zero_alone(
    model: ModelDescription, plain: Path, tmp_path: Path, backend: EngineChoice, zero: type
) -> None:
    network = onnx.load(str(plain))
    recipe_of(network, dict.fromkeys(convolutions(network), (0.0, 4.0))).write(tmp_path / "int8.npz")
    own = model.model_copy(update={"int8": tmp_path / "int8.npz"})

    path = precise_network(own, plain, tmp_path / "precise.onnx", replace(backend, precision="int8"))

    weights = onnx.load(str(path)).graph.initializer
    zeros = [numpy_helper.to_array(each) for each in weights if each.name.endswith("_zero")]
    assert {each.dtype for each in zeros} == {np.dtype(zero)}


def test_tensorrt_has_no_bf16(plain: Path, tmp_path: Path) -> None:
    inputs = (TensorSpec("image", ("n", "h", "w", 3), "uint8"),)
    choice = EngineChoice("tensorrt", "bf16", 1, "", "")

    with pytest.raises(BuildError, match="TensorRT engines are fp32, fp16, int8, not bf16"):
        write_network(plain, tmp_path / "model.engine", inputs, choice, TensorrtWishes(), tmp_path)


@pytest.mark.parametrize(
    ("wishes", "kept"),
    [
        (TensorrtWishes(), True),
        (TensorrtWishes(compute_capabilities=("8.9",)), True),
        (TensorrtWishes(compute_capabilities=("12.0",)), False),
        (TensorrtWishes(hardware_compatible=True), False),
        (TensorrtWishes(version_compatible=True), False),
        (TensorrtWishes(workspace_bytes=1), False),
    ],
)
def test_wishes(wishes: TensorrtWishes, kept: bool) -> None:
    assert wishes.kept_by(FACTS) == kept


def test_a_reference_leaves_nothing_on_disk(tmp_path: Path) -> None:
    model = own_model(tmp_path / "tiny.onnx", embedder_onnx(), role="embedding")

    with reference_engine(model, tmp_path / "tiny.onnx", 1) as engine:
        vectors = engine.infer({"crops": np.ones((2, SIDE_PX, SIDE_PX, 3), np.uint8)})["vectors"]

    assert vectors.shape == (2, DIMENSION)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.onnx"]

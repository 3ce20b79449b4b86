"""What a user's own ONNX file must look like, said before any runtime stumbles over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from engines.backends.choose import EngineChoice
from engines.build.built import recipe_for
from engines.build.from_description import torch_network, write_model_onnx
from engines.build.network_files import reference_engine
from engines.build.quantisation_recipe import read_recipe
from engines.build.quantised import convolutions, quantised
from engines.errors import CatalogueError, ModelFileError
from engines.networks.head import FEATURES, Head, HeadOrigin, make_head
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.description import ModelDescription
from engines.zoo.fetch import fetch
from tests.engines.tiny import embedder_onnx, own_model


def network(
    inputs: Sequence[int | str], outputs: Sequence[int | str], element: int = TensorProto.FLOAT
) -> bytes:
    """A file with these shapes; nothing looks at what is between."""
    node = helper.make_node("Flatten", ["images"], ["values"])
    images = helper.make_tensor_value_info("images", element, inputs)
    values = helper.make_tensor_value_info("values", element, outputs)
    graph = helper.make_graph([node], "own", [images], [values])
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]).SerializeToString())


@pytest.mark.parametrize(
    ("data", "role", "message"),
    [
        (
            network(["n", 3, 9, 9], ["n", 6]),
            "embedding",
            r"float32 \(n, 3, 9, 9\), expected .* \(n, 3, 8, 8\)",
        ),
        (network(["n", 1, 8, 8], ["n", 6]), "embedding", r"\(n, 1, 8, 8\), expected float32 \(n, 3, 8, 8\)"),
        (network(["n", 8, 8, 3], ["n", 6]), "embedding", r"\(n, 8, 8, 3\), expected"),
        (network(["n", 192], ["n", 6]), "embedding", r"\(n, 192\), expected"),
        (network(["n", 3, "h", "w"], ["n", 5]), "embedding", "correct dimension"),
        (network(["n", 1, 32, 32], ["n", 6]), "detection", r"expected float32 \(n, 3, h, w\)"),
        (network(["n", 3, 32, 32], ["n", 6]), "detection", "CenterFace's four maps"),
        (network(["n", 3, 8, 8], ["n", 6], TensorProto.FLOAT16), "embedding", "is float16; export"),
    ],
)
def test_a_shape_that_does_not_fit_is_named(data: bytes, role: str, message: str, tmp_path: Path) -> None:
    model = own_model(tmp_path / "tiny.onnx", data, role=role)
    assert model.path is not None

    with pytest.raises(ModelFileError, match=message):
        write_model_onnx(model, model.path, tmp_path / "pixels.onnx")


def test_any_size_is_any_size(tmp_path: Path) -> None:
    data = onnx.load_from_string(embedder_onnx())
    for axis in (2, 3):
        data.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = "side"
    model = own_model(tmp_path / "tiny.onnx", bytes(data.SerializeToString()), role="embedding")
    assert model.path is not None

    write_model_onnx(model, model.path, tmp_path / "pixels.onnx")

    assert (tmp_path / "pixels.onnx").is_file()


def made_head(model: ModelDescription, dimension: int, weights_sha256: str | None = None) -> Head:
    """Random weights for the trunk of this model."""
    random = np.random.default_rng(7)
    origin = HeadOrigin(model.name, weights_sha256 or model.files[0].sha256, "a test", "nothing", 7, "none")
    weight = random.normal(size=(dimension, FEATURES)).astype(np.float32)
    return make_head(weight, random.normal(size=dimension).astype(np.float32), origin)


def headed(catalogue: Catalogue, path: Path, dimension: int = 24) -> ModelDescription:
    """The default embedder with a head of this dimension at `path`, which need not be there."""
    keys = {"name": "headed", "model_id": "headed", "head": path, "dimension": dimension, "centre": None}
    return catalogue.model("facenet-20180408").model_copy(update=keys)


@pytest.mark.models
def test_a_head_stands_in_place_of_the_last_layer_and_int8_fits_as_it_is(
    catalogue: Catalogue, models_dir: Path, tmp_path: Path
) -> None:
    model = headed(catalogue, tmp_path / "headed.safetensors")
    assert model.head is not None
    made_head(model, 24).write(model.head)
    source = fetch(catalogue.model("facenet-20180408"), ModelCache(models_dir))[0]
    crops = np.random.default_rng(0).integers(0, 256, (2, 160, 160, 3), dtype=np.uint8)

    with reference_engine(model, source, threads=1) as engine:
        have = engine.infer({"crops": crops})["vectors"]
    network, inputs, outputs = torch_network(model, source)
    with torch.inference_mode():
        want = network()(torch.from_numpy(crops))

    assert isinstance(want, torch.Tensor)
    assert have.shape == (2, 24)
    assert (inputs[0].shape, outputs[0].shape) == (("n", 160, 160, 3), ("n", 24))
    np.testing.assert_allclose(have, want.numpy(), atol=1e-5)
    write_model_onnx(model, source, tmp_path / "headed.onnx")
    plain = onnx.load(str(tmp_path / "headed.onnx"))
    assert model.int8 is not None
    recipe = read_recipe(model.int8)
    # Its digest is of the convolutions' weights alone, and the head is no convolution.
    assert {layer.weight for layer in recipe.layers} <= set(convolutions(plain))
    made = quantised(plain, recipe)
    assert sum(node.op_type == "DequantizeLinear" for node in made.graph.node) > len(recipe.layers)


@pytest.mark.parametrize(
    ("dimension", "weights", "message"),
    [
        (16, None, "a head of 16 dimensions, and models.yaml says 24"),
        (24, "0" * 64, "trained on headed with weights 000000000000"),
        (None, None, r"headed\.safetensors cannot be read"),
    ],
)
def test_a_head_that_does_not_fit_is_named_before_anything_is_read(
    dimension: int | None, weights: str | None, message: str, catalogue: Catalogue, tmp_path: Path
) -> None:
    model = headed(catalogue, tmp_path / "headed.safetensors")
    assert model.head is not None
    if dimension is not None:
        made_head(model, dimension, weights).write(model.head)
    for use in (write_model_onnx, lambda one, source, _: torch_network(one, source)):
        with pytest.raises(CatalogueError, match=message):
            use(model, tmp_path / "no graph.pb", tmp_path / "out.onnx")


def test_another_dimension_needs_a_head(catalogue: Catalogue, tmp_path: Path) -> None:
    model = catalogue.model("facenet-20180408").model_copy(update={"dimension": 128})
    with pytest.raises(ModelFileError, match=r"have 512 numbers, and models\.yaml says 128; .* name a head"):
        torch_network(model, tmp_path / "no graph.pb")


def test_a_changed_head_is_another_engine(catalogue: Catalogue, tmp_path: Path) -> None:
    choice = EngineChoice("openvino", "fp32", 1, "a processor", "asked for")
    assert recipe_for(catalogue.model("facenet-20180408"), choice).head_sha256 == ""
    model = headed(catalogue, tmp_path / "headed.safetensors")
    with pytest.raises(CatalogueError, match=r"headed\.safetensors cannot be read .* drop `head` of headed"):
        recipe_for(model, choice)

    (tmp_path / "headed.safetensors").write_bytes(b"one")
    first = recipe_for(model, choice)
    (tmp_path / "headed.safetensors").write_bytes(b"another")
    second = recipe_for(model, choice)

    assert second.folder_name == first.folder_name
    assert first.difference(second) == (f"head_sha256 {first.head_sha256}, now {second.head_sha256}")
    assert first.difference(replace(second, head_sha256=first.head_sha256)) is None

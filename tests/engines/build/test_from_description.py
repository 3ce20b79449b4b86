"""What a user's own ONNX file must look like, said before any runtime stumbles over it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from engines.build.from_description import write_model_onnx
from engines.errors import ModelFileError
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

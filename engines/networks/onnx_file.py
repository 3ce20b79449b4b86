"""Reading ONNX files that others wrote."""

from __future__ import annotations

from pathlib import Path

import onnx

from engines.backends.base import TensorSpec
from engines.errors import ModelFileError


def read_onnx(path: Path) -> onnx.ModelProto:
    """The model of an ONNX file with one input besides its weights. Raises ModelFileError."""
    try:
        data = path.read_bytes()
        onnx.checker.check_model(data)
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelFileError(f"{path} is not an ONNX model: {str(error).splitlines()[0]}") from error
    model = onnx.load_from_string(data)
    inputs, _ = tensor_specs(model)
    if len(inputs) != 1:
        raise ModelFileError(f"{path} has {len(inputs)} inputs, expected one: images (N, 3, H, W)")
    (element,) = (
        each.type.tensor_type.elem_type for each in model.graph.input if each.name == inputs[0].name
    )
    if element not in (onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8):
        kind = onnx.TensorProto.DataType.Name(element).lower()
        raise ModelFileError(f"{path}: its input {inputs[0].name} is {kind}; export the network with float32")
    return model


def tensor_specs(model: onnx.ModelProto) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Inputs, without the weights that old files list among them, and outputs."""
    weights = {item.name for item in model.graph.initializer}
    inputs = tuple(_spec(value) for value in model.graph.input if value.name not in weights)
    return inputs, tuple(_spec(value) for value in model.graph.output)


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    dims = value.type.tensor_type.shape.dim
    shape = tuple(dim.dim_value or dim.dim_param or f"d{axis}" for axis, dim in enumerate(dims))
    pixels = value.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    return TensorSpec(value.name, shape, "uint8" if pixels else "float32")

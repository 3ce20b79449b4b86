"""ONNX operators in torch, in the form that the networks we ship and train use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from engines.errors import ModelFileError

Attributes = Mapping[str, object]
Operator = Callable[[Sequence[Tensor], Attributes], Tensor]


def _convolve(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    bias = inputs[2] if len(inputs) > 2 else None
    return F.conv2d(
        inputs[0],
        inputs[1],
        bias,
        stride=_pair(attributes, "strides", 1),
        padding=_padding(attributes),
        dilation=_pair(attributes, "dilations", 1),
        groups=_int(attributes, "group", 1),
    )


def _convolve_transposed(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    bias = inputs[2] if len(inputs) > 2 else None
    return F.conv_transpose2d(
        inputs[0],
        inputs[1],
        bias,
        stride=_pair(attributes, "strides", 1),
        padding=_padding(attributes),
        groups=_int(attributes, "group", 1),
        dilation=_pair(attributes, "dilations", 1),
    )


def _batch_norm(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    x, scale, offset, mean, variance = inputs
    return F.batch_norm(x, mean, variance, scale, offset, eps=_float(attributes, "epsilon", 1e-5))


def _response_norm(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    return F.local_response_norm(
        inputs[0],
        _int(attributes, "size", 0),
        _float(attributes, "alpha", 1e-4),
        _float(attributes, "beta", 0.75),
        _float(attributes, "bias", 1.0),
    )


def _max_pool(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    return F.max_pool2d(
        inputs[0],
        _pair(attributes, "kernel_shape", 1),
        _pair(attributes, "strides", 1),
        _padding(attributes),
        _pair(attributes, "dilations", 1),
        ceil_mode=bool(_int(attributes, "ceil_mode", 0)),
    )


def _average_pool(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    return F.avg_pool2d(
        inputs[0],
        _pair(attributes, "kernel_shape", 1),
        _pair(attributes, "strides", 1),
        _padding(attributes),
        ceil_mode=bool(_int(attributes, "ceil_mode", 0)),
        count_include_pad=bool(_int(attributes, "count_include_pad", 0)),
    )


def _linear(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    """ONNX's Gemm."""
    left = inputs[0].T if _int(attributes, "transA", 0) else inputs[0]
    right = inputs[1].T if _int(attributes, "transB", 0) else inputs[1]
    product = _float(attributes, "alpha", 1.0) * (left @ right)
    return product + _float(attributes, "beta", 1.0) * inputs[2] if len(inputs) > 2 else product


def _clip(inputs: Sequence[Tensor], _: Attributes) -> Tensor:
    """No less than the second input and, where there is a third, no more than it."""
    return torch.clamp(inputs[0], *inputs[1:])


def _maximum(inputs: Sequence[Tensor], _: Attributes) -> Tensor:
    result = inputs[0]
    for other in inputs[1:]:
        result = torch.maximum(result, other)
    return result


def _gather(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    values, places = inputs
    if places.ndim != 1:
        raise ModelFileError(f"the torch reference gathers by a row of places, got {tuple(places.shape)}")
    return values.index_select(_int(attributes, "axis", 0), places)


def _reduce_mean(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    return inputs[0].mean(dim=_axes(inputs, attributes), keepdim=_keeps(attributes))


def _reduce_l2(inputs: Sequence[Tensor], attributes: Attributes) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(
        inputs[0], dim=_axes(inputs, attributes), keepdim=_keeps(attributes)
    )
    return length


OPERATORS: Mapping[str, Operator] = {
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Concat": lambda inputs, attributes: torch.cat(tuple(inputs), dim=_int(attributes, "axis", 0)),
    "Conv": _convolve,
    "ConvTranspose": _convolve_transposed,
    "Div": lambda inputs, _: inputs[0] / inputs[1],
    "Gather": _gather,
    "Gemm": _linear,
    "Identity": lambda inputs, _: inputs[0],
    "LRN": _response_norm,
    "LpNormalization": lambda inputs, attributes: F.normalize(inputs[0], dim=_int(attributes, "axis", -1)),
    "MatMul": lambda inputs, _: inputs[0] @ inputs[1],
    "Max": _maximum,
    "MaxPool": _max_pool,
    "Mul": lambda inputs, _: inputs[0] * inputs[1],
    "Pow": lambda inputs, _: inputs[0].pow(inputs[1]),
    "ReduceL2": _reduce_l2,
    "ReduceMean": _reduce_mean,
    "Relu": lambda inputs, _: F.relu(inputs[0]),
    "Reshape": lambda inputs, _: inputs[0].reshape(inputs[1].tolist()),
    "Sigmoid": lambda inputs, _: torch.sigmoid(inputs[0]),
    "Sqrt": lambda inputs, _: inputs[0].sqrt(),
    "Sub": lambda inputs, _: inputs[0] - inputs[1],
}


def _int(attributes: Attributes, name: str, default: int) -> int:
    value = attributes.get(name, default)
    assert isinstance(value, int)
    return value


def _float(attributes: Attributes, name: str, default: float) -> float:
    value = attributes.get(name, default)
    assert isinstance(value, float)
    return value


def _pair(attributes: Attributes, name: str, default: int) -> tuple[int, int]:
    value = attributes.get(name, (default, default))
    assert isinstance(value, Sequence)
    height, width = value
    return int(height), int(width)


def _axes(inputs: Sequence[Tensor], attributes: Attributes) -> list[int]:
    """Of a reduction: an attribute, and since opset 18 an input."""
    if len(inputs) > 1:
        return [int(axis) for axis in inputs[1].tolist()]
    value = attributes.get("axes")
    if not isinstance(value, Sequence):
        raise ModelFileError("the torch reference reduces along named axes; export the network with them")
    return [int(axis) for axis in value]


def _keeps(attributes: Attributes) -> bool:
    return bool(_int(attributes, "keepdims", 1))


def _padding(attributes: Attributes) -> tuple[int, int]:
    """Height and width; a file that pads one side more than the other is refused."""
    value = attributes.get("pads", (0, 0, 0, 0))
    assert isinstance(value, Sequence)
    top, left, bottom, right = value
    if (top, left) != (bottom, right):
        raise ModelFileError(f"the torch reference pads both sides alike, got {tuple(value)}")
    return int(top), int(left)

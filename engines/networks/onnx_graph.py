"""A small ONNX graph run in torch, one operator after another: the plain truth that built engines are held to.

It knows the operators of the networks we ship, in the form those use them, and refuses others by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
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
    epsilon = attributes.get("epsilon", 1e-5)
    assert isinstance(epsilon, float)
    return F.batch_norm(x, mean, variance, scale, offset, eps=epsilon)


OPERATORS: Mapping[str, Operator] = {
    "Add": lambda inputs, _: inputs[0] + inputs[1],
    "BatchNormalization": _batch_norm,
    "Conv": _convolve,
    "ConvTranspose": _convolve_transposed,
    "LpNormalization": lambda inputs, attributes: F.normalize(inputs[0], dim=_int(attributes, "axis", -1)),
    "Relu": lambda inputs, _: F.relu(inputs[0]),
    "Sigmoid": lambda inputs, _: torch.sigmoid(inputs[0]),
}


class OnnxGraph(nn.Module):
    """The graph of an ONNX model with one input; its weights are plain tensors, not to be trained.

    Raises ModelFileError where the model has an operator that is not known here.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = model.graph
        if unknown := sorted({node.op_type for node in graph.node} - set(OPERATORS)):
            raise ModelFileError(
                f"the torch reference has no operator {', '.join(unknown)}; run this model with engine.backend=openvino"
            )
        self.nodes = tuple(
            (OPERATORS[node.op_type], tuple(node.input), node.output[0], _attributes(node))
            for node in graph.node
        )
        self.weights = {
            item.name: torch.from_numpy(np.array(numpy_helper.to_array(item))) for item in graph.initializer
        }
        (self.input,) = (value.name for value in graph.input if value.name not in self.weights)
        self.outputs = tuple(value.name for value in graph.output)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Every output of the graph, in the file's order."""
        values = {**self.weights, self.input: x}
        for operator, inputs, output, attributes in self.nodes:
            values[output] = operator([values[name] for name in inputs], attributes)
        return tuple(values[name] for name in self.outputs)


def _attributes(node: onnx.NodeProto) -> Attributes:
    return {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}


def _int(attributes: Attributes, name: str, default: int) -> int:
    value = attributes.get(name, default)
    assert isinstance(value, int)
    return value


def _pair(attributes: Attributes, name: str, default: int) -> tuple[int, int]:
    value = attributes.get(name, (default, default))
    assert isinstance(value, Sequence)
    height, width = value
    return int(height), int(width)


def _padding(attributes: Attributes) -> tuple[int, int]:
    """Height and width; a file that pads one side more than the other is refused."""
    value = attributes.get("pads", (0, 0, 0, 0))
    assert isinstance(value, Sequence)
    top, left, bottom, right = value
    if (top, left) != (bottom, right):
        raise ModelFileError(f"the torch reference pads both sides alike, got {tuple(value)}")
    return int(top), int(left)

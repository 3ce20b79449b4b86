"""A small ONNX graph run in torch, one operator after another: the plain truth that built engines are held to.

It knows the operators of the networks we ship and train, in the form those use them, and refuses others by name.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import NodeProto, numpy_helper
from torch import Tensor, nn

from engines.errors import ModelFileError
from engines.networks.onnx_operators import OPERATORS, Attributes


class OnnxGraph(nn.Module):
    """The graph of an ONNX model with one input; its weights are plain tensors, not to be trained.

    Raises ModelFileError where the model has an operator that is not known here, or one without an input that it
    needs here.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        graph = model.graph
        constants = {node.output[0]: _constant(node) for node in graph.node if node.op_type == "Constant"}
        nodes = [node for node in graph.node if node.op_type != "Constant"]
        if unknown := sorted({node.op_type for node in nodes} - set(OPERATORS)):
            raise ModelFileError(
                f"the torch reference has no operator {', '.join(unknown)}; run this model with engine.backend=openvino"
            )
        self.nodes = tuple(
            (OPERATORS[node.op_type], _inputs(node), node.output[0], _attributes(node)) for node in nodes
        )
        self.weights = constants | {
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


def _constant(node: NodeProto) -> Tensor:
    value = _attributes(node).get("value")
    if not isinstance(value, onnx.TensorProto):
        raise ModelFileError(
            "the torch reference has no operator Constant without a tensor; "
            "run this model with engine.backend=openvino"
        )
    return torch.from_numpy(np.array(numpy_helper.to_array(value)))


def _inputs(node: NodeProto) -> tuple[str, ...]:
    """Names of the inputs; optional ones that are left out at the end are cut off."""
    names = list(node.input)
    while names and not names[-1]:
        names.pop()
    if "" in names:
        raise ModelFileError(
            f"the torch reference has no operator {node.op_type} without its input {names.index('') + 1}; "
            "run this model with engine.backend=openvino"
        )
    return tuple(names)


def _attributes(node: NodeProto) -> Attributes:
    return {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}

"""What a network has to do, counted from its ONNX graph: operations, and bytes that must move."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

Shapes = Mapping[str, tuple[int, ...]]
BYTES = {"fp32": 4, "bf16": 2, "int8": 1}
"""of a number"""


@dataclass(frozen=True, slots=True)
class Work:
    """Of one run of a network."""

    operations: float
    """multiplications and additions of its matrix products; all else is less than 1 %"""
    weights: float
    """numbers, read once a run"""
    activations: float
    """numbers that its matrix products read and write; what lies between them is computed on the way"""

    def bytes_moved(self, precision: str) -> float:
        """If nothing stayed in a cache between two products: the most that has to move."""
        return (self.weights + self.activations) * BYTES[precision]


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """One network at one precision against the roof."""

    bench: str
    ratio: float
    """of what the roof allows, the median over the rounds"""
    network: str
    input: str
    precision: str
    ms: float
    """a run, the median over the rounds"""
    gop: float
    """10^9 operations a run"""
    mb: float
    ops_per_byte: float
    gops: float
    """10^9 operations a second"""
    roof_gops: float
    bound: str
    """what the roof is made of there: compute or memory"""


def work_of(file: Path, shape: tuple[int, ...]) -> Work:
    """Count one run of an ONNX file on an input of this shape."""
    import onnx

    model = onnx.load(str(file))
    weights = {item.name: tuple(item.dims) for item in model.graph.initializer}
    (images,) = (value for value in model.graph.input if value.name not in weights)
    for dimension, size in zip(images.type.tensor_type.shape.dim, shape, strict=True):
        dimension.dim_value = size
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    values = [*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output]
    shapes = weights | {
        value.name: tuple(part.dim_value for part in value.type.tensor_type.shape.dim) for value in values
    }
    products = [node for node in inferred.graph.node if node.op_type in OPERATIONS]
    read = [shapes[name] for node in products for name in node.input if name in weights]
    moved = [shapes[name] for node in products for name in (*node.input, *node.output) if name not in weights]
    return Work(
        2.0 * sum(OPERATIONS[node.op_type](node, shapes) for node in products),
        float(sum(math.prod(each) for each in read)),
        float(sum(math.prod(each) for each in moved)),
    )


def _convolution(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each output is a sum over the kernel and a group's input channels."""
    return math.prod(shapes[node.output[0]]) * math.prod(shapes[node.input[1]][1:])


def _transposed(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each input is spread over the kernel and a group's output channels."""
    return math.prod(shapes[node.input[0]]) * math.prod(shapes[node.input[1]][1:])


def _matrix(node: onnx.NodeProto, shapes: Shapes) -> int:
    """Each output is a sum over the inner dimension."""
    return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]


OPERATIONS: dict[str, Callable[[onnx.NodeProto, Shapes], int]] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "MatMul": _matrix,
    "Gemm": _matrix,
}
"""multiplications of a node that is a matrix product"""

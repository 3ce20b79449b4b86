"""An fp32 ONNX model as one that computes in fp16, for TensorRT, which takes precision from the file.

Weights and activations between the first and the last matrix product become fp16. In fp32 stay the inputs and
outputs, what follows the last product (an embedding's length, a score's sigmoid), reductions and normalisations
wherever they are, since their sums outgrow fp16's 11 bits, and nodes with weights that fp16 cannot hold. Pixels,
whole numbers up to 255, are exact in fp16; so is taking a mean and scale from them where both are exact themselves,
as FaceNet's 127.5 and 1/128 are. Otherwise that stays in fp32, too.

An int8 model's quantise and dequantise nodes get scales in fp16, which NVIDIA's ModelOpt does as well: with a cast
between a dequantise node and its convolution, the two are no longer one int8 convolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from engines.errors import BuildError

FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16
LARGEST = 65504.0
SMALLEST_NORMAL = 2.0**-14
"""below it fp16 has ever fewer bits"""
PRODUCTS = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})
QUANTISED = frozenset({"QuantizeLinear", "DequantizeLinear"})
ALWAYS_FP32 = frozenset(
    {
        *(
            "ReduceMean",
            "ReduceSum",
            "ReduceL1",
            "ReduceL2",
            "ReduceSumSquare",
            "ReduceLogSumExp",
            "ReduceProd",
        ),
        *("GlobalAveragePool", "CumSum", "Exp", "Log", "Pow", "Sqrt", "Reciprocal", "Softmax", "LogSoftmax"),
        *("LpNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization", "LRN"),
        # Their type is an attribute, or they have tables of numbers: rare, and cheap.
        *(
            "Constant",
            "ConstantOfShape",
            "RandomNormal",
            "RandomUniform",
            "EyeLike",
            "NonMaxSuppression",
            "RoiAlign",
        ),
    }
)
DIVIDING = QUANTISED | {"BatchNormalization"}
FP32_INPUTS = {"Resize": (1, 2), "Upsample": (1,)}
"""scales, which ONNX defines in fp32 alone"""
HALF_SCALES_SINCE = 19
"""opset from which quantise and dequantise nodes may have scales in fp16"""


def half_precision(source: ModelProto) -> ModelProto:
    """A copy that computes in fp16, with the inputs and outputs of `source`.

    Raises BuildError where the model has branches or loops, or tensors whose type cannot be told.
    """
    model = _with_half_scales(source)
    _constants_to_weights(model)
    _weights_are_no_inputs(model)
    types = _types(model)
    weights = {item.name: item for item in model.graph.initializer}
    wide = _stays_fp32(model, weights, types)
    conversion = _Conversion(model, weights, types)
    for index, node in enumerate(list(model.graph.node)):
        conversion.add(node, FLOAT if index in wide else HALF)
    converted = conversion.finished()
    try:
        onnx.checker.check_model(converted)
        onnx.shape_inference.infer_shapes(converted, check_type=True, strict_mode=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise BuildError(f"the model cannot be made fp16: {str(error).strip().splitlines()[0]}") from error
    return converted


def _with_half_scales(source: ModelProto) -> ModelProto:
    """A copy whose opset lets scales be fp16, where it has any."""
    model = ModelProto()
    model.CopyFrom(source)
    opset = max(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    if opset >= HALF_SCALES_SINCE or all(node.op_type not in QUANTISED for node in model.graph.node):
        return model
    try:
        return onnx.version_converter.convert_version(model, HALF_SCALES_SINCE)
    except (RuntimeError, ValueError) as error:
        raise BuildError(
            f"the model cannot be brought to ONNX's opset {HALF_SCALES_SINCE}, which scales in fp16 need: "
            f"{str(error).splitlines()[0]}"
        ) from error


def _constants_to_weights(model: ModelProto) -> None:
    """Constant nodes of tensors become weights, so that there is one kind of constant to convert."""
    kept = []
    for node in model.graph.node:
        values = [item.t for item in node.attribute if item.name == "value"]
        if node.op_type == "Constant" and values:
            weight = model.graph.initializer.add()
            weight.CopyFrom(values[0])
            weight.name = node.output[0]
        else:
            kept.append(node)
    copies = [NodeProto.FromString(node.SerializeToString()) for node in kept]
    del model.graph.node[:]
    model.graph.node.extend(copies)


def _weights_are_no_inputs(model: ModelProto) -> None:
    """Old exporters list weights among the inputs, where their type would have to stay."""
    weights = {item.name for item in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)


def _types(model: ModelProto) -> dict[str, int]:
    """The element type of every value. Raises BuildError where one cannot be told."""
    if any(item.HasField("g") or item.graphs for node in model.graph.node for item in node.attribute):
        raise BuildError(
            "the model has branches or loops, which are not made fp16; build it with precision fp32"
        )
    try:
        graph = onnx.shape_inference.infer_shapes(model).graph
    except onnx.shape_inference.InferenceError as error:
        raise BuildError(f"the model cannot be made fp16: {str(error).strip().splitlines()[0]}") from error
    values = (*graph.input, *graph.value_info, *graph.output)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    types |= {item.name: item.data_type for item in graph.initializer}
    for node in graph.node:
        for name in node.output:
            if name and not types.get(name):
                raise BuildError(
                    f"the model cannot be made fp16: the type of {name}, which {node.op_type} gives, is not known"
                )
    return types


def _stays_fp32(model: ModelProto, weights: dict[str, TensorProto], types: dict[str, int]) -> set[int]:
    """Indices of the nodes that compute in fp32."""
    nodes = list(model.graph.node)
    inputs = {value.name for value in model.graph.input}
    before, after = _before_products(nodes, inputs), _after_products(nodes)
    inexact_pixels = any(
        not _exact(weights[name])
        for index in before
        for name in nodes[index].input
        if name in weights and types[name] == FLOAT
    )
    wide = set(after) | (before if inexact_pixels else set())
    for index, node in enumerate(nodes):
        held = [weights[name] for name in node.input if name in weights and types[name] == FLOAT]
        # What is divided by: the variances of a normalisation, and a quantise node's scales.
        divisors = held[-1:] if node.op_type in DIVIDING else []
        small = any(np.any(_values(each) < SMALLEST_NORMAL) for each in divisors)
        if node.op_type in ALWAYS_FP32 or small or not all(_fits(each) for each in held):
            wide.add(index)
    return wide


def _before_products(nodes: list[NodeProto], inputs: set[str]) -> set[int]:
    """Nodes between the inputs and the first matrix or quantise node on the way."""
    reached, computed = set(inputs), set[str]()
    found = set()
    for index, node in enumerate(nodes):
        if node.op_type in PRODUCTS | QUANTISED or computed.intersection(node.input):
            computed.update(node.output)
        elif reached.intersection(node.input):
            reached.update(node.output)
            found.add(index)
    return found


def _after_products(nodes: list[NodeProto]) -> set[int]:
    """Nodes that no matrix product comes after."""
    reached: set[str] = set()
    found = set()
    for index, node in reversed(list(enumerate(nodes))):
        if node.op_type in PRODUCTS or reached.intersection(node.output):
            reached.update(node.input)
        else:
            found.add(index)
    return found


@dataclass(frozen=True, slots=True)
class _Value:
    """Where a value of the source is in the copy."""

    name: str
    type: int


class _Conversion:
    """Writes a model's nodes anew, with casts where fp16 and fp32 meet."""

    def __init__(self, model: ModelProto, weights: dict[str, TensorProto], types: dict[str, int]) -> None:
        self._model = model
        self._weights = weights
        self._types = types
        self._at = {name: _Value(name, type_) for name, type_ in types.items()}
        self._cast: dict[_Value, str] = {}
        self._nodes: list[NodeProto] = []
        self._new_weights: dict[str, TensorProto] = {}
        self._outputs = {value.name for value in model.graph.output}
        self._names = set(types)

    def add(self, node: NodeProto, wanted: int) -> None:
        """Write a node that computes in `wanted`."""
        new = NodeProto()
        new.CopyFrom(node)
        stays = FP32_INPUTS.get(node.op_type, ())
        new.input[:] = [
            self._input(name, FLOAT if place in stays else wanted) for place, name in enumerate(node.input)
        ]
        if node.op_type == "Cast":
            for item in new.attribute:
                if item.name == "to" and item.i == FLOAT:
                    item.i = wanted
        self._nodes.append(new)
        for place, name in enumerate(node.output):
            if name and self._types[name] == FLOAT:
                new.output[place] = self._output(name, wanted)

    def finished(self) -> ModelProto:
        """The model of the nodes written."""
        graph = self._model.graph
        del graph.node[:], graph.value_info[:], graph.initializer[:]
        graph.node.extend(self._nodes)
        graph.initializer.extend(self._new_weights.values())
        return self._model

    def _input(self, name: str, wanted: int) -> str:
        """The name under which a value is had in fp16 or fp32; one of another type as it is."""
        if not name:
            return name
        if name in self._weights:
            return self._weight(name, wanted)
        value = self._at[name]
        if self._types[name] != FLOAT or value.type == wanted:
            return value.name
        asked = _Value(value.name, wanted)
        if asked not in self._cast:
            self._cast[asked] = self._unused(f"{name}_{'fp16' if wanted == HALF else 'fp32'}")
            self._nodes.append(helper.make_node("Cast", [value.name], [self._cast[asked]], to=wanted))
        return self._cast[asked]

    def _weight(self, name: str, wanted: int) -> str:
        weight = self._weights[name]
        if weight.data_type != FLOAT or wanted == FLOAT:
            self._new_weights[name] = weight
            return name
        asked = _Value(name, HALF)
        if asked not in self._cast:
            half = self._cast[asked] = self._unused(f"{name}_fp16")
            self._new_weights[half] = numpy_helper.from_array(_values(weight).astype(np.float16), half)
        return self._cast[asked]

    def _output(self, name: str, wanted: int) -> str:
        """The name that a node's output gets; an output of the model is cast back to what it was."""
        if wanted == FLOAT or name not in self._outputs:
            self._at[name] = _Value(name, wanted)
            return name
        inner = self._unused(f"{name}_fp16")
        self._at[name] = _Value(inner, wanted)
        self._cast[_Value(inner, FLOAT)] = name
        self._nodes.append(helper.make_node("Cast", [inner], [name], to=FLOAT))
        return inner

    def _unused(self, name: str) -> str:
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name


def _values(weight: TensorProto) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.asarray(numpy_helper.to_array(weight), np.float32)


def _fits(weight: TensorProto) -> bool:
    """Whether fp16 can hold every value; smaller ones than it knows become 0."""
    return bool(np.all(np.abs(_values(weight)) <= LARGEST))


def _exact(weight: TensorProto) -> bool:
    """Whether fp16 loses nothing of it."""
    values = _values(weight)
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype(np.float16).astype(np.float32), values))

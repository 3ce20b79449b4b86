"""A float ONNX model as one whose convolutions are computed in int8, by quantise and dequantise nodes.

Weights get a step for each output channel, activations one for the whole tensor. A tensor that is quantised for
one convolution is so for all that read it: behind an inception-resnet's blocks, the sum that runs through them is
then written and read as bytes, without a detour through floats (docs/int8.md: 6 % faster). What the recipe does
not name stays as it was. OpenVINO's low-precision passes turn the nodes into int8 kernels; TensorRT takes the same
nodes with `signed`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, version_converter

from engines.arrays import F32
from engines.build.quantisation_recipe import QuantisationRecipe, QuantisedLayer, weights_digest
from engines.errors import BuildError

OPSET = 13
"""from which a dequantise node may have a step for each channel"""
ANEW = "make its int8 file anew with: python run_pipeline.py bench quantise"


@dataclass(frozen=True, slots=True)
class Int8Weights:
    """A convolution's weights, rounded."""

    values: NDArray[np.int8]
    """(O, I/groups, kh, kw), -127 to 127"""
    steps: F32
    """(O,) what 1 stands for"""

    @property
    def as_floats(self) -> F32:
        """(O, I/groups, kh, kw) what the rounded weights stand for."""
        return np.asarray(self.values * self.steps.reshape(-1, *[1] * (self.values.ndim - 1)), np.float32)


def rounded(weights: F32) -> Int8Weights:
    """A convolution's weights (O, I/groups, kh, kw) with each output channel's largest at 127.

    -128 is left out, so that a step reaches as far down as up. Cutting the largest off for a finer step does not
    pay here (docs/int8.md).
    """
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    steps = np.where(largest > 0.0, largest / np.float32(127.0), np.float32(1.0)).astype(np.float32)
    scaled = np.rint(weights / steps.reshape(-1, *[1] * (weights.ndim - 1)))
    return Int8Weights(np.clip(scaled, -127, 127).astype(np.int8), steps)


def quantised(source: ModelProto, recipe: QuantisationRecipe, *, signed: bool = False) -> ModelProto:
    """A copy with the inputs and outputs of `source` that computes the recipe's convolutions in int8.

    Activations become uint8, the whole of it above zero where they are never negative; with `signed` they become
    int8 around zero, the only form that TensorRT takes, at twice the step. Raises BuildError where the recipe is
    of another network.
    """
    model = with_channel_steps(source)
    weights = {item.name: item for item in model.graph.initializer}
    users = convolutions(model)
    missing = [layer.weight for layer in recipe.layers if layer.weight not in users]
    if missing:
        raise BuildError(f"the int8 file names a convolution {missing[0]} that is not there; {ANEW}")
    values = {layer.weight: _floats(weights[layer.weight]) for layer in recipe.layers}
    if weights_digest(values, [layer.weight for layer in recipe.layers]) != recipe.weights_sha256:
        raise BuildError(f"the int8 file was made for other weights; {ANEW}")
    writer = _Writer(model, signed=signed)
    for layer in recipe.layers:
        writer.quantise(users[layer.weight], layer, values[layer.weight], weights)
    return writer.finished()


def with_channel_steps(source: ModelProto) -> ModelProto:
    """A copy of at least ONNX's opset 13. Raises BuildError where it cannot be brought there."""
    model = ModelProto()
    model.CopyFrom(source)
    if max(item.version for item in model.opset_import if item.domain in ("", "ai.onnx")) >= OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, ValueError) as error:
        raise BuildError(
            f"the model cannot be brought to ONNX's opset {OPSET}, which int8 needs: {str(error).splitlines()[0]}"
        ) from error


def convolutions(model: ModelProto) -> dict[str, NodeProto]:
    """The convolutions that can be quantised, by the names of their weights: constants that no other node reads."""
    weights = {item.name for item in model.graph.initializer}
    readers: dict[str, int] = {}
    for node in model.graph.node:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    return {
        node.input[1]: node
        for node in model.graph.node
        if node.op_type == "Conv"
        and node.input[1] in weights
        and readers[node.input[1]] == 1
        and (len(node.input) < 3 or not node.input[2] or node.input[2] in weights)
    }


@dataclass(frozen=True, slots=True)
class _Range:
    """The values of a tensor that are told apart."""

    low: float
    high: float

    def joined(self, other: _Range) -> _Range:
        return _Range(min(self.low, other.low), max(self.high, other.high))


class _Writer:
    """Gives convolutions rounded weights, and writes the nodes anew with their inputs quantised."""

    def __init__(self, model: ModelProto, *, signed: bool) -> None:
        self._model = model
        self._signed = signed
        self._ranges: dict[str, _Range] = {}
        """of the tensors to quantise, by name"""
        self._read_as: dict[str, str] = {}
        """the names under which they are had dequantised"""
        self._before: dict[str, list[NodeProto]] = {}
        """nodes that stand before a convolution, by the name of its output"""
        self._names = {name for node in model.graph.node for name in (*node.input, *node.output)}

    def quantise(
        self, node: NodeProto, layer: QuantisedLayer, values: F32, weights: dict[str, TensorProto]
    ) -> None:
        """Round a convolution's weights (O, I/groups, kh, kw), correct its bias and have its input quantised."""
        if len(layer.bias) != len(values):
            raise BuildError(
                f"the int8 file has {len(layer.bias)} channels for {layer.weight}, not {len(values)}; {ANEW}"
            )
        range_ = _Range(layer.low, layer.high)
        read = node.input[0]
        self._ranges[read] = range_.joined(self._ranges.get(read, range_))
        if read not in self._read_as:
            self._read_as[read] = self._unused(f"{read}_dequantised")
        exact = rounded(values)
        stored = self._constant(f"{layer.weight}_int8", exact.values)
        steps = self._constant(f"{layer.weight}_steps", exact.steps)
        floats = self._unused(f"{layer.weight}_dequantised")
        self._before[node.output[0]] = [
            helper.make_node("DequantizeLinear", [stored, steps], [floats], axis=0)
        ]
        has_bias = len(node.input) > 2 and node.input[2] != ""
        bias = _floats(weights[node.input[2]]) if has_bias else np.zeros(len(values), np.float32)
        corrected = self._constant(f"{layer.weight}_corrected_bias", bias + layer.bias)
        node.input[:] = [read, floats, corrected]

    def finished(self) -> ModelProto:
        """The model, without weights that nothing reads any more. Raises BuildError where it became none."""
        graph = self._model.graph
        nodes = [node for value in graph.input for node in self._pair(value.name)]
        for node in graph.node:
            node.input[:] = [self._read_as.get(name, name) for name in node.input]
            nodes += [*self._before.get(node.output[0], []), node]
            nodes += [each for name in node.output for each in self._pair(name)]
        copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
        read = {name for node in copies for name in node.input}
        kept = [
            TensorProto.FromString(item.SerializeToString())
            for item in graph.initializer
            if item.name in read
        ]
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(copies)
        graph.initializer.extend(kept)
        try:
            onnx.checker.check_model(self._model)
        except onnx.checker.ValidationError as error:
            raise BuildError(f"the model cannot be made int8: {str(error).splitlines()[0]}") from error
        return self._model

    def _pair(self, name: str) -> list[NodeProto]:
        """The nodes that quantise a tensor and turn it back; none where it is not to be."""
        range_ = self._ranges.get(name)
        if range_ is None:
            return []
        if self._signed:
            step = max(-range_.low, range_.high) / 127.0
            zero: NDArray[np.int8 | np.uint8] = np.array(0, np.int8)
        else:
            step = (range_.high - range_.low) / 255.0
            zero = np.array(round(-range_.low / step), np.uint8)
        parts = [
            self._constant(f"{name}_step", np.array(step, np.float32)),
            self._constant(f"{name}_zero", zero),
        ]
        stored = self._unused(f"{name}_quantised")
        return [
            helper.make_node("QuantizeLinear", [name, *parts], [stored]),
            helper.make_node("DequantizeLinear", [stored, *parts], [self._read_as[name]]),
        ]

    def _constant(self, name: str, value: NDArray[np.int8 | np.uint8 | np.float32]) -> str:
        unused = self._unused(name)
        self._model.graph.initializer.append(numpy_helper.from_array(value, unused))
        return unused

    def _unused(self, name: str) -> str:
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name


def _floats(weight: TensorProto) -> F32:
    return np.asarray(numpy_helper.to_array(weight), np.float32)

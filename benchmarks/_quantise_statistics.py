"""How a network's activations are spread, and the ranges and corrections that follow: what a recipe is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from engines.arrays import F32, F64, U8
from engines.backends.openvino_module import openvino_core
from engines.build.quantisation_recipe import QuantisationRecipe, QuantisedLayer, weights_digest
from engines.build.quantised import convolutions, rounded

BINS = 2048
"""of a histogram from a tensor's least to its greatest value"""
LEVELS = 255
PARTS = np.round(np.arange(0.15, 1.001, 0.01), 2)
"""of the whole range, tried as the range that is told apart"""
MAX_BATCH = 8

OnBatch = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Spread:
    """The values of a tensor over many images."""

    low: float
    high: float
    counts: F64
    """(BINS,) values in equal parts of low to high"""
    means: F64
    """(C,) of each channel"""


def spreads(network: ModelProto, names: Sequence[str], images: U8, on_batch: OnBatch) -> dict[str, Spread]:
    """How the tensors of these names, (N, C, ...), are spread over images (N, H, W, 3), at fp32.

    The images go through the network twice: for the limits, then for what lies between.
    """
    lows, highs = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    for values in _tapped(network, names, images, on_batch):
        lows = np.minimum(lows, [each.min() for each in values])
        highs = np.maximum(highs, [each.max() for each in values])
    counts = [np.zeros(BINS) for _ in names]
    sums: list[F64] = [np.zeros(1) for _ in names]
    places = np.zeros(len(names))
    for values in _tapped(network, names, images, on_batch):
        for row, each in enumerate(values):
            counts[row] += np.histogram(each, BINS, (lows[row], highs[row]))[0]
            sums[row] = sums[row] + each.sum(axis=(0, *range(2, each.ndim)), dtype=np.float64)
            places[row] += each.size // each.shape[1]
    return {
        name: Spread(float(lows[row]), float(highs[row]), counts[row], sums[row] / places[row])
        for row, name in enumerate(names)
    }


@dataclass(frozen=True, slots=True)
class Limits:
    """A range of values that are told apart; it holds 0."""

    low: float
    high: float


def limits(spread: Spread) -> Limits:
    """The range with the least expected squared error of rounding to 256 steps, cut-off values included.

    Rounding to steps of s costs s^2 / 12 of each value inside; a value outside costs the square of what is cut
    off. Where nothing is negative, zeros cost nothing and do not count: behind a rectifier half of all are 0.
    """
    low, high = min(spread.low, 0.0), max(spread.high, 0.0)
    if high - low == 0.0:
        return Limits(0.0, 1.0)
    edges = np.linspace(spread.low, spread.high, BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2.0
    counts = spread.counts.copy()
    if spread.low >= 0.0:
        counts[0] = 0.0
    costs = []
    for part in PARTS:
        cut = middles - np.clip(middles, low * part, high * part)
        step = (high - low) * part / LEVELS
        costs.append(float(counts @ np.where(cut != 0.0, cut**2, step**2 / 12.0)))
    best = float(PARTS[int(np.argmin(costs))])
    return Limits(low * best, high * best)


def make_recipe(
    network: ModelProto, images: U8, keep: Sequence[str], about: str, on_batch: OnBatch
) -> QuantisationRecipe:
    """The recipe of a network of pixels from images (N, H, W, 3); the convolutions of `keep` stay float."""
    nodes = {weight: node for weight, node in convolutions(network).items() if weight not in keep}
    spread = spreads(network, sorted({node.input[0] for node in nodes.values()}), images, on_batch)
    values = weights_of(network, nodes)
    return QuantisationRecipe(
        tuple(_layer(weight, nodes[weight], spread, values[weight]) for weight in nodes),
        weights_digest(values, list(nodes)),
        about,
    )


def weights_of(network: ModelProto, names: Mapping[str, NodeProto]) -> dict[str, F32]:
    """The weights of these names."""
    return {
        item.name: np.asarray(numpy_helper.to_array(item), np.float32)
        for item in network.graph.initializer
        if item.name in names
    }


def _layer(weight: str, node: NodeProto, spread: Mapping[str, Spread], values: F32) -> QuantisedLayer:
    range_ = limits(spread[node.input[0]])
    bias = rounding_bias(values, spread[node.input[0]].means)
    return QuantisedLayer(weight, range_.low, range_.high, bias)


def rounding_bias(weights: F32, means: F64) -> F32:
    """(O,) what rounding weights (O, I/groups, kh, kw) takes off the mean output, inputs having these means (I,).

    Places at the border, where some inputs are padding, count as the others. (Nagel et al., "Data-Free
    Quantization Through Weight Equalization and Bias Correction", arXiv:1906.04721, section 4.2, with measured
    means in place of those that batch norms imply.)
    """
    lost = (
        (weights.astype(np.float64) - rounded(weights).as_floats).reshape(*weights.shape[:2], -1).sum(axis=2)
    )
    groups = len(means) // weights.shape[1]
    of_group = np.repeat(means.reshape(groups, -1), len(weights) // groups, axis=0)  # (O, I/groups)
    return np.asarray((lost * of_group).sum(axis=1), np.float32)


def _tapped(network: ModelProto, names: Sequence[str], images: U8, on_batch: OnBatch) -> Iterator[list[F32]]:
    """The values (N, C, ...) of the tensors, batch after batch; good until the next."""
    tapped = ModelProto()
    tapped.CopyFrom(network)
    del tapped.graph.output[:]
    tapped.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    compiled: Any = compile_network(tapped, "f32")
    request = compiled.create_infer_request()
    for start in range(0, len(images), MAX_BATCH):
        results = request.infer({0: np.ascontiguousarray(images[start : start + MAX_BATCH])})
        yield [results[place] for place in range(len(names))]
        on_batch(min(MAX_BATCH, len(images) - start))


def compile_network(network: ModelProto, precision: str, threads: int = 0) -> Any:
    """The network in OpenVINO, ready to run; what is float in it is computed in this precision, f32 or bf16."""
    core = openvino_core()
    properties: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    if threads:
        properties["INFERENCE_NUM_THREADS"] = threads
    return core.compile_model(core.read_model(network.SerializeToString()), "CPU", properties)

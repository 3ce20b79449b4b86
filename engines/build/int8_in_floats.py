"""What TensorRT's int8 would give, computed in floats: where no GPU can run an engine, its network is held to fp32.

OpenVINO's own int8 cannot stand in: of values around zero it makes cosine 0.90 where 0.998 is right, and with its
low-precision passes off it gives nonsense in two streams (2026.4, AVX-512 VNNI).
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

LOWEST, HIGHEST = -128.0, 127.0


def int8_in_floats(source: ModelProto) -> ModelProto:
    """A copy of a model with int8 quantise nodes around zero that rounds and clips as they say, in floats.

    Weights become the floats that they stand for.
    """
    model = ModelProto()
    model.CopyFrom(source)
    weights = {item.name: item for item in model.graph.initializer}
    bounds = [_scalar(model, "int8_lowest", LOWEST), _scalar(model, "int8_highest", HIGHEST)]
    nodes: list[NodeProto] = []
    for node in source.graph.node:
        if node.op_type == "QuantizeLinear":
            value, step = node.input[0], node.input[1]
            (to,) = node.output
            nodes += [
                helper.make_node("Div", [value, step], [f"{to}_steps"]),
                helper.make_node(
                    "Round", [f"{to}_steps"], [f"{to}_rounded"]
                ),  # half to even, as quantise nodes do
                helper.make_node("Clip", [f"{to}_rounded", *bounds], [to]),
            ]
        elif node.op_type != "DequantizeLinear":
            nodes.append(node)
        elif (stored := weights.get(node.input[0])) is not None:
            value = _as_floats(stored, weights[node.input[1]])
            model.graph.initializer.append(numpy_helper.from_array(value, node.output[0]))
        else:
            nodes.append(helper.make_node("Mul", list(node.input[:2]), list(node.output)))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _as_floats(stored: TensorProto, steps: TensorProto) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    values, step = numpy_helper.to_array(stored), numpy_helper.to_array(steps)
    return np.asarray(values * step.reshape(-1, *[1] * (values.ndim - 1)), np.float32)


def _scalar(model: ModelProto, name: str, value: float) -> str:
    model.graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    return name

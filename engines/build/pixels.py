"""Networks that take pixels: what turns them into standardised planes is part of the graph.

So no backend and no Python touches a pixel twice, and every runtime that takes the ONNX file takes the same
uint8 images. OpenVINO's own PrePostProcessor gives the same bits as this at the same speed, for OpenVINO alone.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from engines.arrays import F32, I64
from engines.zoo.description import Channels, InputFormat

REVERSED = np.array([2, 1, 0], np.int64)


def takes_pixels(source: ModelProto, form: InputFormat) -> ModelProto:
    """A copy of a model of planes (N, 3, H, W) that takes images (N, H, W, 3) uint8 RGB under the same name.

    In front of it stand (pixel - mean) * scale and the turn to the network's colours and layout, as far as they
    do anything.
    """
    model = ModelProto()
    model.CopyFrom(source)
    weights = {item.name for item in model.graph.initializer}
    (images,) = (value for value in model.graph.input if value.name not in weights)
    planes = f"{images.name}_planes"
    for node in model.graph.node:
        node.input[:] = [planes if name == images.name else name for name in node.input]
    steps = _steps(model, images.name, planes, form)
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*steps, *rest])
    images.CopyFrom(_as_pixels(images))
    return model


def _steps(model: ModelProto, images: str, planes: str, form: InputFormat) -> list[NodeProto]:
    """Nodes from images to planes; their constants join the model's weights."""
    # Converted first: TensorRT takes uint8 at its border only, and only into a conversion. Turned next: arithmetic
    # on planes costs 3 % of FaceNet's time less than on pixels.
    at = f"{images}_turned"
    steps = [
        helper.make_node("Cast", [images], [f"{images}_values"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", [f"{images}_values"], [at], perm=[0, 3, 1, 2]),
    ]
    if form.colour == "bgr":
        channels = _constant(model, f"{images}_channels", REVERSED)
        steps.append(helper.make_node("Gather", [at, channels], [f"{images}_bgr"], axis=1))
        at = f"{images}_bgr"
    if any(form.mean):
        mean = _constant(model, f"{images}_mean", _a_channel(form.mean))
        steps.append(helper.make_node("Sub", [at, mean], [f"{images}_centred"]))
        at = f"{images}_centred"
    if any(scale != 1.0 for scale in form.scale):
        scale = _constant(model, f"{images}_scale", _a_channel(form.scale))
        steps.append(helper.make_node("Mul", [at, scale], [f"{images}_scaled"]))
    steps[-1].output[0] = planes
    return steps


def _a_channel(values: Channels) -> F32:
    """(3, 1, 1)"""
    return np.array(values, np.float32).reshape(3, 1, 1)


def _constant(model: ModelProto, name: str, value: F32 | I64) -> str:
    model.graph.initializer.append(numpy_helper.from_array(value, name))
    return name


def _as_pixels(planes: ValueInfoProto) -> ValueInfoProto:
    dims = [dim.dim_value or dim.dim_param for dim in planes.type.tensor_type.shape.dim]
    count, channels, height, width = dims
    return helper.make_tensor_value_info(planes.name, TensorProto.UINT8, [count, height, width, channels])

"""ONNX models made to take any batch and, where the network is fully convolutional, any image size.

centerface.onnx names a fixed 10x3x32x32 input and lists its weights as inputs, as old exporters did.
"""

from __future__ import annotations

from collections.abc import Mapping

from onnx import ModelProto, ValueInfoProto, helper

BATCH = {0: "n"}
IMAGE = {0: "n", 2: "h", 3: "w"}
MAP = {0: "n", 2: "map_h", 3: "map_w"}


def free_dimensions(source: ModelProto, *, any_size: bool) -> ModelProto:
    """A copy with a free batch and, with `any_size`, free height and width of images (N, 3, H, W) and maps."""
    model = ModelProto()
    model.CopyFrom(source)
    weights = {item.name for item in model.graph.initializer}
    images = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(images)
    for value in model.graph.input:
        _free(value, IMAGE if any_size else BATCH)
    for value in model.graph.output:
        _free(value, MAP if any_size else BATCH)
    # Sizes noted for the old input contradict the free ones.
    del model.graph.value_info[:]
    return model


def unit_length(source: ModelProto) -> ModelProto:
    """A copy of an embedder whose one output, vectors (N, D), has unit length; it may have had it before."""
    model = ModelProto()
    model.CopyFrom(source)
    (vectors,) = model.graph.output
    raw = f"{vectors.name}_of_any_length"
    for node in model.graph.node:
        node.input[:] = [raw if name == vectors.name else name for name in node.input]
        node.output[:] = [raw if name == vectors.name else name for name in node.output]
    model.graph.node.append(helper.make_node("LpNormalization", [raw], [vectors.name], axis=-1, p=2))
    return model


def _free(value: ValueInfoProto, names: Mapping[int, str]) -> None:
    for axis, name in names.items():
        value.type.tensor_type.shape.dim[axis].dim_param = name

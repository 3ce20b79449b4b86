"""A torch network as an ONNX file whose batch may have any size."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, helper
from torch import nn

from engines.backends.base import TensorSpec

OPSET = 17


def write_onnx(network: nn.Module, input_: TensorSpec, output: TensorSpec, path: Path) -> None:
    """Write a network with one input and one output; string dimensions of the specs stay free.

    The older of torch's two exporters is asked for: it needs no package besides onnx, and what it makes of
    these networks is the plain graph that engines take.
    """
    example = torch.zeros([1 if isinstance(size, str) else size for size in input_.shape])
    free = {
        spec.name: {axis: size for axis, size in enumerate(spec.shape) if isinstance(size, str)}
        for spec in (input_, output)
    }
    with warnings.catch_warnings(), torch.inference_mode():
        # Torch deprecates this exporter, and then warns of what it calls itself; the version is pinned.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network,
            (example,),
            str(path),
            input_names=[input_.name],
            output_names=[output.name],
            dynamic_axes=free,
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(path))
    for value, spec in ((model.graph.input[0], input_), (model.graph.output[0], output)):
        # The exporter loses sizes behind a division, and names them after it.
        value.CopyFrom(helper.make_tensor_value_info(spec.name, TensorProto.FLOAT, list(spec.shape)))
    onnx.save(model, str(path))

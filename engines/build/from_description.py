"""What a model's files become: an ONNX file to build engines from, and a torch engine to hold them to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engines.backends.base import EngineInfo, TensorSpec
from engines.backends.torch import TorchEngine
from engines.errors import ModelFileError
from engines.zoo.description import ModelDescription

if TYPE_CHECKING:
    import onnx

FACENET_INPUTS = (TensorSpec("crops", ("n", 3, 160, 160)),)
FACENET_OUTPUTS = (TensorSpec("vectors", ("n", 512)),)


def write_model_onnx(model: ModelDescription, source: Path, path: Path) -> None:
    """Convert a model's file to an ONNX file with free dimensions. Raises ModelFileError."""
    if model.network == "inception_resnet_v1":
        from engines.build.onnx_from_torch import write_onnx
        from engines.networks.weights import load_facenet

        write_onnx(load_facenet(source), FACENET_INPUTS[0], FACENET_OUTPUTS[0], path)
        return
    import onnx

    onnx.save(_onnx_model(model, source), str(path))


def torch_engine(model: ModelDescription, source: Path, info: EngineInfo, threads: int = 0) -> TorchEngine:
    """The model in torch, not yet open.

    Raises ModelFileError where the file is not ONNX or has operators that the torch reference lacks.
    """
    if model.network == "inception_resnet_v1":
        from engines.networks.weights import load_facenet

        return TorchEngine(
            model.name, lambda: load_facenet(source), FACENET_INPUTS, FACENET_OUTPUTS, info, threads
        )
    from engines.networks.onnx_file import tensor_specs
    from engines.networks.onnx_graph import OnnxGraph

    converted = _onnx_model(model, source)
    graph = OnnxGraph(converted)
    return TorchEngine(model.name, lambda: graph, *tensor_specs(converted), info, threads)


def _onnx_model(model: ModelDescription, source: Path) -> onnx.ModelProto:
    from engines.build.dynamic_onnx import free_dimensions, unit_length
    from engines.networks.onnx_file import read_onnx, tensor_specs

    converted = free_dimensions(read_onnx(source), any_size=model.role == "detection")
    if model.role != "embedding":
        return converted
    _, outputs = tensor_specs(converted)
    if len(outputs) != 1 or len(outputs[0].shape) != 2 or outputs[0].shape[1] != model.dimension:
        shapes = ", ".join(f"{spec.name} {spec.shape}" for spec in outputs)
        raise ModelFileError(
            f"{model.name}: outputs are {shapes}, expected one of (n, {model.dimension}); "
            "correct dimension in models.yaml"
        )
    return unit_length(converted)

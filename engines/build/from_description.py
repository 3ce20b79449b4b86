"""What a model's files become: an ONNX file to build engines from, and a torch engine to hold them to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engines.backends.base import EngineInfo, TensorSpec
from engines.backends.torch import TorchEngine
from engines.errors import CatalogueError, ModelFileError
from engines.zoo.cache import hash_file
from engines.zoo.description import InputFormat, ModelDescription

if TYPE_CHECKING:
    import onnx

    from engines.networks.from_pixels import FromPixels
    from engines.networks.head import Head
    from engines.networks.inception_resnet_v1 import InceptionResnetV1

FACENET_PLANES = TensorSpec("crops", ("n", 3, 160, 160))
FACENET_PIXELS = TensorSpec("crops", ("n", 160, 160, 3), "uint8")
FACENET_DIMENSION = 512
"""of its own last layer"""


def sha256_beside(model: ModelDescription, key: Literal["head", "int8"]) -> str:
    """Of the file that models.yaml names beside the model's own; empty where it names none.

    Raises CatalogueError where it cannot be read.
    """
    path: Path | None = getattr(model, key)
    if path is None:
        return ""
    try:
        return hash_file(path)
    except OSError as error:
        raise CatalogueError(
            f"{path} cannot be read ({error.strerror}); bring it back, or drop `{key}` of {model.name}"
        ) from error


def write_model_onnx(model: ModelDescription, source: Path, path: Path) -> None:
    """Convert a model's file to an ONNX file that takes any number of images as pixels.

    Raises ModelFileError, and CatalogueError where its head is none.
    """
    import onnx

    from engines.build.pixels import takes_pixels

    if model.network == "inception_resnet_v1":
        from engines.build.onnx_from_torch import write_onnx

        write_onnx(_facenet(source, _head(model)), FACENET_PLANES, _facenet_vectors(model), path)
        planes = onnx.load(str(path))
    else:
        planes = _onnx_model(model, source)
    onnx.save(takes_pixels(planes, _form(model)), str(path))


def torch_engine(model: ModelDescription, source: Path, info: EngineInfo, threads: int = 0) -> TorchEngine:
    """The model in torch, not yet open.

    Raises ModelFileError where the file is not ONNX or has operators that the torch reference lacks, and
    CatalogueError where its head is none.
    """
    network, inputs, outputs = torch_network(model, source)
    return TorchEngine(model.name, network, inputs, outputs, info, threads)


def torch_network(
    model: ModelDescription, source: Path
) -> tuple[Callable[[], FromPixels], tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """What makes the network of pixels in torch, its inputs and its outputs.

    Raises ModelFileError and CatalogueError.
    """
    from engines.networks.from_pixels import FromPixels

    form = _form(model)
    if model.network == "inception_resnet_v1":
        vectors, head = _facenet_vectors(model), _head(model)
        return lambda: FromPixels(_facenet(source, head), form), (FACENET_PIXELS,), (vectors,)
    from engines.build.pixels import takes_pixels
    from engines.networks.onnx_file import tensor_specs
    from engines.networks.onnx_graph import OnnxGraph

    converted = _onnx_model(model, source)
    OnnxGraph(converted)  # refuses now what torch lacks
    # Made anew each time: an engine moves its weights to a GPU, where they must not outlive it.
    return lambda: FromPixels(OnnxGraph(converted), form), *tensor_specs(takes_pixels(converted, form))


def _head(model: ModelDescription) -> Head | None:
    """The layer that stands in place of FaceNet's last one, where models.yaml names one. Raises CatalogueError."""
    if model.head is None:
        return None
    from engines.networks.head import read_head

    return read_head(model.head, model.dimension, model.files[0].sha256)


def _facenet(source: Path, head: Head | None) -> InceptionResnetV1:
    """FaceNet with its own last layer, or with a head. Raises ModelFileError."""
    from engines.networks.head import HeadedFacenet
    from engines.networks.weights import load_facenet

    facenet = load_facenet(source)
    return facenet if head is None else HeadedFacenet(facenet, head)


def _facenet_vectors(model: ModelDescription) -> TensorSpec:
    if model.dimension is None or (model.head is None and model.dimension != FACENET_DIMENSION):
        raise ModelFileError(
            f"{model.name}: vectors of inception_resnet_v1 have {FACENET_DIMENSION} numbers, and models.yaml says "
            f"{model.dimension}; correct `dimension`, or name a head"
        )
    return TensorSpec("vectors", ("n", model.dimension))


def _form(model: ModelDescription) -> InputFormat:
    assert model.input is not None  # a description without it is of no network
    return model.input


def _onnx_model(model: ModelDescription, source: Path) -> onnx.ModelProto:
    from engines.build.dynamic_onnx import free_dimensions, unit_length
    from engines.networks.onnx_file import read_onnx, tensor_specs

    given = read_onnx(source)
    inputs, outputs = tensor_specs(given)
    _check_input(model, inputs[0])
    if model.role == "detection" and any(len(spec.shape) != 4 for spec in outputs):
        shapes = ", ".join(f"{spec.name} {spec.shape}" for spec in outputs)
        raise ModelFileError(
            f"{model.name}: outputs are {shapes}, expected CenterFace's four maps (n, c, h, w)"
        )
    converted = free_dimensions(given, any_size=model.role == "detection")
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


def _check_input(model: ModelDescription, images: TensorSpec) -> None:
    """A network takes float planes (N, 3, H, W), an embedder those of its side. Raises ModelFileError."""
    side = _form(model).side_px if model.role == "embedding" else None
    wanted = (0, 3, side, side)
    fits = len(images.shape) == len(wanted) and all(
        isinstance(have, str) or not want or have == want
        for have, want in zip(images.shape, wanted, strict=True)
    )
    if not fits or images.element != "float32":
        shape = ", ".join(str(each) for each in ("n", 3, side or "h", side or "w"))
        have = ", ".join(map(str, images.shape))
        raise ModelFileError(
            f"{model.name}: its input {images.name} is {images.element} ({have}), expected float32 ({shape}); "
            "correct input.side_px in models.yaml, or export the network so"
        )

"""FaceNet's trunk as a network of its own: what a head is trained on, computed once for each face.

At fp32, whatever precision the product runs in: features are then the same for the same crops however many go
together, and a head that is trained on them fits every engine that is built from the same weights.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from torch import Tensor, nn

from engines.arrays import F32, U8
from engines.backends.base import Engine, TensorSpec
from engines.backends.choose import EngineChoice
from engines.build.from_description import FACENET_PIXELS, FACENET_PLANES
from engines.build.network_files import openvino_engine
from engines.build.onnx_from_torch import write_onnx
from engines.build.pixels import takes_pixels
from engines.networks.head import FEATURES
from engines.networks.inception_resnet_v1 import InceptionResnetV1
from engines.networks.weights import load_facenet
from engines.training.layer import Layer, folded
from engines.zoo.description import InputFormat, ModelDescription

BATCH = 16
OUTPUT = "features"


@dataclass(frozen=True, slots=True)
class Trunk:
    """An open trunk."""

    engine: Engine
    last_layer: Layer
    """the network's own, from features to its 512 numbers, before they are brought to unit length"""

    def features(self, crops: U8) -> F32:
        """(N, 1792) for crops (N, 160, 160, 3) RGB. Raises BackendError."""
        name = self.engine.inputs[0].name
        batches = [
            self.engine.infer({name: np.ascontiguousarray(crops[start : start + BATCH])})[OUTPUT]
            for start in range(0, len(crops), BATCH)
        ]
        return np.concatenate(batches) if batches else np.zeros((0, FEATURES), np.float32)


class _Features(nn.Module):
    def __init__(self, network: InceptionResnetV1) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> Tensor:
        return self.network.features(crops)


@contextmanager
def open_trunk(model: ModelDescription, source: Path, threads: int = 0) -> Iterator[Trunk]:
    """The trunk of a model of network inception_resnet_v1, in OpenVINO until the block ends.

    `threads` 0 is all cores; their number changes no bit. Raises ModelFileError, BackendError.
    """
    choice = EngineChoice("openvino", "fp32", threads, "this processor", "features for training")
    network = load_facenet(source)
    features = TensorSpec(OUTPUT, ("n", FEATURES))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trunk.onnx"
        write_onnx(_Features(network), FACENET_PLANES, features, path)
        onnx.save(takes_pixels(onnx.load(str(path)), model.input or InputFormat()), str(path))
        with openvino_engine(path, (FACENET_PIXELS,), (features,), choice) as engine:
            yield Trunk(engine, last_layer(network))


def last_layer(network: InceptionResnetV1) -> Layer:
    """The network's own last layer with its batch norm folded in, (512, 1792) and (512,)."""
    norm = network.batch_norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean, variance, offset, weight = (
        each.detach().numpy().astype(np.float64)
        for each in (norm.running_mean, norm.running_var, norm.bias, network.bottleneck.weight)
    )
    return folded(weight, mean, np.sqrt(variance + norm.eps), offset)

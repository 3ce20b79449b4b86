"""Networks, models and packages small enough to be made by a test."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.zoo.description import InputFormat, ModelDescription, ModelFile, Package

SIDE_PX = 8
DIMENSION = 6


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def weight(name: str, shape: tuple[int, ...], seed: int, low: float = -0.5) -> TensorProto:
    values = np.random.default_rng(seed).uniform(low, 0.5, shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def detector_onnx() -> bytes:
    """Images (10, 3, 32, 32) to maps `heat` (10, 1, 16, 16) and `size` (10, 2, 16, 16), in an old exporter's style:
    fixed sizes, weights listed among the inputs."""
    weights = [
        weight("w1", (4, 3, 3, 3), 1),
        weight("b1", (4,), 2),
        weight("gain", (4,), 3),
        weight("shift", (4,), 4),
        weight("mean", (4,), 5),
        weight("variance", (4,), 6, low=0.1),
        weight("w2", (4, 1, 3, 3), 7),
        weight("w3", (4, 4, 2, 2), 8),
        weight("w4", (1, 4, 1, 1), 9),
        weight("w5", (2, 4, 1, 1), 10),
    ]
    nodes = [
        helper.make_node(
            "Conv", ["image", "w1", "b1"], ["a"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4
        ),
        helper.make_node(
            "BatchNormalization", ["a", "gain", "shift", "mean", "variance"], ["b"], epsilon=1e-3
        ),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node(
            "Conv", ["c", "w2"], ["d"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, group=4
        ),
        helper.make_node("ConvTranspose", ["d", "w3"], ["e"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Add", ["c", "e"], ["f"]),
        helper.make_node("Conv", ["f", "w4"], ["g"], kernel_shape=[1, 1]),
        helper.make_node("Sigmoid", ["g"], ["heat"]),
        helper.make_node("Conv", ["f", "w5"], ["size"], kernel_shape=[1, 1]),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [10, 3, 32, 32])]
    inputs += [
        helper.make_tensor_value_info(item.name, TensorProto.FLOAT, list(item.dims)) for item in weights
    ]
    outputs = [
        helper.make_tensor_value_info("heat", TensorProto.FLOAT, [10, 1, 16, 16]),
        helper.make_tensor_value_info("size", TensorProto.FLOAT, [10, 2, 16, 16]),
    ]
    noted = [helper.make_tensor_value_info("c", TensorProto.FLOAT, [10, 4, 16, 16])]
    return _model(helper.make_graph(nodes, "detector", inputs, outputs, weights, value_info=noted))


def embedder_onnx() -> bytes:
    """Crops (1, 3, 8, 8) to vectors (1, 6) of any length, with an operator that the torch reference lacks."""
    weights = [weight("w", (DIMENSION, 3, SIDE_PX, SIDE_PX), 11)]
    nodes = [
        helper.make_node("Conv", ["crops", "w"], ["a"], kernel_shape=[SIDE_PX, SIDE_PX]),
        helper.make_node("Flatten", ["a"], ["vectors"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("crops", TensorProto.FLOAT, [1, 3, SIDE_PX, SIDE_PX])]
    outputs = [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [1, DIMENSION])]
    return _model(helper.make_graph(nodes, "embedder", inputs, outputs, weights))


def _model(graph: onnx.GraphProto) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    return bytes(model.SerializeToString())


def own_model(path: Path, data: bytes, *, role: str = "detection") -> ModelDescription:
    """A user's own ONNX file, written to `path`, and its description."""
    path.write_bytes(data)
    embedding = role == "embedding"
    return ModelDescription.model_validate(
        {
            "name": "tiny",
            "role": role,
            "model_id": "tiny-1",
            "network": "onnx",
            "licence": "none",
            "terms": "made by a test",
            "path": path,
            "files": [{"name": path.name, "sha256": sha256(data), "bytes": len(data)}],
            "input": {"side_px": SIDE_PX} if embedding else {"multiple_px": 8},
            "dimension": DIMENSION if embedding else None,
        }
    )


def wheel(folder: Path, members: dict[str, bytes], tags: str = "py3-none-any") -> Path:
    """A wheel `tiny_weights` 1.0 that holds these members and what pip asks of a wheel."""
    about = {
        "tiny_weights-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n",
        "tiny_weights-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tags}\n".encode(),
        "tiny_weights-1.0.dist-info/RECORD": b"",
    }
    path = folder / f"tiny_weights-1.0-{tags}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (members | about).items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data)
    return path


def sdist(folder: Path, members: dict[str, bytes]) -> Path:
    """A source distribution `tiny_weights` 1.0 that holds these members and what pip asks of it."""
    about = {
        "setup.py": b"from setuptools import setup\nsetup(name='tiny-weights', version='1.0', packages=[])\n",
        "PKG-INFO": b"Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n",
    }
    path = folder / "tiny_weights-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, data in (about | members).items():
            info = tarfile.TarInfo(f"tiny_weights-1.0/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def packaged_model(archive: Path, members: dict[str, bytes], *, archive_sha256: str = "") -> ModelDescription:
    """The description of a model whose files are members of this archive."""
    data = archive.read_bytes() if archive.exists() else b""
    return ModelDescription(
        name="tiny",
        role="reference",
        model_id="tiny-1",
        network="none",
        licence="none",
        terms="made by a test",
        files=tuple(
            ModelFile(name=name, sha256=sha256(content), bytes=len(content))
            for name, content in members.items()
        ),
        package=Package(
            name="tiny-weights",
            version="1.0",
            archive=archive.name,
            sha256=archive_sha256 or sha256(data),
            bytes=len(data),
        ),
        input=InputFormat(),
    )

"""What stands in front of a network: held to a plain loop over pixels, in OpenVINO and in torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from engines.arrays import U8
from engines.backends.base import EngineInfo, TensorSpec
from engines.backends.openvino import OpenvinoEngine
from engines.build.pixels import takes_pixels
from engines.networks.from_pixels import FromPixels
from engines.networks.onnx_file import tensor_specs
from engines.zoo.description import InputFormat

FACENET = InputFormat(side_px=4, mean=(127.5,) * 3, scale=(1 / 128,) * 3)
FORMS = [
    FACENET,
    InputFormat(side_px=4),
    InputFormat(side_px=4, colour="bgr"),
    InputFormat(side_px=4, colour="bgr", mean=(10.0, 20.0, 30.0), scale=(1.0, 0.5, 0.25)),
]


@pytest.fixture
def images() -> U8:
    return np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3)).astype(np.uint8)


def identity() -> onnx.ModelProto:
    """A network that gives its planes back."""
    shape: list[str | int | None] = ["n", 3, "h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["planes"])],
        "identity",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("planes", TensorProto.FLOAT, shape)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def plain(images: U8, form: InputFormat) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Planes (N, 3, H, W), pixel by pixel."""
    count, height, width, _ = images.shape
    planes = np.empty((count, 3, height, width))
    for row, y, x, channel in np.ndindex(count, height, width, 3):
        source = channel if form.colour == "rgb" else 2 - channel
        planes[row, channel, y, x] = (float(images[row, y, x, source]) - form.mean[channel]) * form.scale[
            channel
        ]
    return planes


@pytest.mark.parametrize("form", FORMS)
def test_each_pixel_in_the_graph(form: InputFormat, images: U8, tmp_path: Path) -> None:
    model = takes_pixels(identity(), form)
    onnx.checker.check_model(model)
    onnx.save(model, str(tmp_path / "model.onnx"))
    info = EngineInfo("openvino", "a processor", "fp32", "a test")

    inputs, outputs = tensor_specs(model)
    with OpenvinoEngine(tmp_path / "model.onnx", inputs, outputs, info) as engine:
        planes = engine.infer({"image": images})["planes"]

    assert inputs == (TensorSpec("image", ("n", "h", "w", 3), "uint8"),)
    np.testing.assert_array_equal(planes, plain(images, form).astype(np.float32))


@pytest.mark.parametrize("form", FORMS)
def test_each_pixel_in_torch(form: InputFormat, images: U8) -> None:
    planes = FromPixels(torch.nn.Identity(), form)(torch.from_numpy(images))

    np.testing.assert_array_equal(np.asarray(planes), plain(images, form).astype(np.float32))


def test_the_source_is_left_alone() -> None:
    source = identity()
    before = source.SerializeToString()

    takes_pixels(source, FACENET)

    assert source.SerializeToString() == before

"""The contract of engines, run over every implementation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from engines.arrays import F32, U8, Batch
from engines.backends.base import Engine, TensorSpec
from engines.backends.choose import choose
from engines.backends.fake import FakeEngine
from engines.build.built import build
from engines.build.from_description import torch_engine
from engines.build.network_files import fitting
from engines.errors import BackendError
from engines.progress import ignore
from tests.engines.tiny import detector_onnx, own_model

Make = Callable[[Path], Engine]


def halved(image: Batch) -> F32:
    """Mean of each 2x2 pixels and of the channels: (N, H, W, 3) to (N, 1, H/2, W/2)."""
    count, height, width, channels = image.shape
    cells = image.reshape(count, height // 2, 2, width // 2, 2, channels)
    return np.asarray(cells.mean(axis=(2, 4, 5))[:, None], dtype=np.float32)


def fake(folder: Path) -> Engine:
    def look(inputs: Mapping[str, Batch]) -> Mapping[str, F32]:
        heat = halved(inputs["image"])
        return {"heat": heat, "size": np.concatenate([heat, -heat], axis=1)}

    return FakeEngine(
        look,
        (TensorSpec("image", ("n", "h", "w", 3), "uint8"),),
        (TensorSpec("heat", ("n", 1, "map_h", "map_w")), TensorSpec("size", ("n", 2, "map_h", "map_w"))),
    )


def openvino(folder: Path) -> Engine:
    model = own_model(folder / "tiny.onnx", detector_onnx())
    choice = choose("openvino", "fp32")
    return build(model, folder / "tiny.onnx", choice, folder / "models", ignore).engine(choice)


def openvino_auto(folder: Path) -> Engine:
    """What a model without an int8 file gets: bf16 where the processor computes it."""
    model = own_model(folder / "tiny.onnx", detector_onnx())
    choice = fitting(model, choose("openvino", "auto", threads=1))
    return build(model, folder / "tiny.onnx", choice, folder / "models", ignore).engine(choice)


def torch(folder: Path) -> Engine:
    model = own_model(folder / "tiny.onnx", detector_onnx())
    return torch_engine(model, folder / "tiny.onnx", choose("torch").info)


@pytest.fixture(params=[fake, openvino, openvino_auto, torch])
def closed(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    make: Make = request.param
    return make(tmp_path)


@pytest.fixture
def engine(closed: Engine) -> Engine:
    closed.open()
    return closed


def images(count: int, height: int = 32, width: int = 48) -> U8:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def test_tensors_are_known_before_it_is_open(closed: Engine) -> None:
    assert closed.inputs == (TensorSpec("image", ("n", "h", "w", 3), "uint8"),)
    assert [(spec.name, spec.shape[:2]) for spec in closed.outputs] == [
        ("heat", ("n", 1)),
        ("size", ("n", 2)),
    ]
    assert all(isinstance(side, str) for spec in closed.outputs for side in spec.shape[2:])


def test_info_says_what_runs_and_why(closed: Engine) -> None:
    assert all((closed.info.backend, closed.info.device, closed.info.precision, closed.info.reason))


def test_a_batch_of_one_is_a_batch(engine: Engine) -> None:
    outputs = engine.infer({"image": images(1)})

    assert {name: value.shape for name, value in outputs.items()} == {
        "heat": (1, 1, 16, 24),
        "size": (1, 2, 16, 24),
    }
    assert {value.dtype for value in outputs.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("height", "width"), [(8, 8), (64, 16), (40, 72)])
def test_any_size(engine: Engine, height: int, width: int) -> None:
    outputs = engine.infer({"image": images(2, height, width)})

    assert outputs["size"].shape == (2, 2, height // 2, width // 2)


def test_rows_do_not_influence_each_other(engine: Engine) -> None:
    batch = images(5)
    together = engine.infer({"image": batch})

    for row in range(5):
        alone = engine.infer({"image": batch[row : row + 1]})
        for name, value in alone.items():
            assert np.array_equal(value[0], together[name][row])


def test_the_same_twice(engine: Engine) -> None:
    first, second = (engine.infer({"image": images(3)}) for _ in range(2))

    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_outputs_are_owned(engine: Engine) -> None:
    first = engine.infer({"image": images(2)})
    kept = {name: value.copy() for name, value in first.items()}
    second = engine.infer({"image": 255 - images(2)})

    for name, value in first.items():
        assert np.array_equal(value, kept[name])
        assert value.flags.writeable
        assert not np.shares_memory(value, second[name])


def test_inputs_are_left_alone_and_need_not_be_contiguous(engine: Engine) -> None:
    whole = images(4)
    view = whole[::2, :, ::-1]
    before = whole.copy()

    outputs = engine.infer({"image": view})

    assert np.array_equal(whole, before)
    assert np.array_equal(outputs["heat"], engine.infer({"image": view.copy()})["heat"])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"image": np.zeros((0, 32, 32, 3), np.uint8)}, "not empty"),
        ({"image": np.zeros((1, 32, 32, 1), np.uint8)}, r"image must be uint8 \(n, h, w, 3\)"),
        ({"image": np.zeros((32, 32, 3), np.uint8)}, r"got uint8 \(32, 32, 3\)"),
        ({"image": np.zeros((1, 32, 32, 3), np.float32)}, "got float32"),
        ({"picture": np.zeros((1, 32, 32, 3), np.uint8)}, "takes the inputs image, got picture"),
        ({}, "takes the inputs image"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused(
    engine: Engine, inputs: Mapping[str, Batch], message: str
) -> None:
    with pytest.raises(BackendError, match=message):
        engine.infer(inputs)


def test_it_runs_only_while_it_is_open(closed: Engine) -> None:
    with pytest.raises(BackendError, match="not open"):
        closed.infer({"image": images(1)})
    with closed as engine:
        engine.infer({"image": images(1)})
    with pytest.raises(BackendError, match="not open"):
        closed.infer({"image": images(1)})
    closed.close()


def test_openvino_agrees_with_torch(tmp_path: Path) -> None:
    with openvino(tmp_path) as fast, torch(tmp_path) as plain:
        have, want = fast.infer({"image": images(3)}), plain.infer({"image": images(3)})

    for name, value in want.items():
        np.testing.assert_allclose(have[name], value, rtol=1e-5, atol=1e-4)

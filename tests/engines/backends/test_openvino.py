"""What replays rely on: a row's bits do not depend on the batch it is in, nor on threads, streams, parts and mode."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from engines.arrays import U8
from engines.backends.base import Engine, EngineInfo, TensorSpec
from engines.backends.choose import EngineChoice, choose
from engines.backends.openvino import OpenvinoEngine
from engines.build.from_description import write_model_onnx
from engines.errors import BackendError
from engines.networks.onnx_file import read_onnx, tensor_specs
from engines.prepare import prepare
from engines.zoo.catalogue import Catalogue
from tests.engines.tiny import SIDE_PX, detector_onnx, embedder_onnx, own_model

Tested = Literal["fp32", "bf16", "int8"]
Opened = Callable[..., OpenvinoEngine]
"""a network, given threads, streams and mode"""
FP32 = EngineInfo("openvino", "a processor", "fp32", "a test")


def tiny(folder: Path, data: bytes, role: str) -> Opened:
    """A network of tests/engines/tiny.py in OpenVINO."""
    source = folder / "tiny.onnx"
    write_model_onnx(own_model(source, data, role=role), source, folder / "pixels.onnx")
    specs = tensor_specs(read_onnx(folder / "pixels.onnx"))
    return partial(OpenvinoEngine, folder / "pixels.onnx", *specs, FP32)


@pytest.fixture
def detector(tmp_path: Path) -> Opened:
    return tiny(tmp_path, detector_onnx(), "detection")


@pytest.fixture
def embedder(tmp_path: Path) -> Opened:
    return tiny(tmp_path, embedder_onnx(), "embedding")


@pytest.fixture(params=["fp32", "bf16"])
def choice(request: pytest.FixtureRequest) -> EngineChoice:
    return chosen(request.param)


def chosen(precision: Tested) -> EngineChoice:
    """As the precision is asked for, where this processor computes it."""
    try:
        return choose("openvino", precision)
    except BackendError as error:
        pytest.skip(str(error))


def images(count: int, height: int, width: int) -> U8:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def bits(engine: Engine, inputs: U8, batch: int) -> list[bytes]:
    """Each output over all inputs, run in batches of this size."""
    parts = [
        engine.infer({engine.inputs[0].name: inputs[start : start + batch]})
        for start in range(0, len(inputs), batch)
    ]
    return [np.concatenate([part[spec.name] for part in parts]).tobytes() for spec in engine.outputs]


def differing(opened: Opened, inputs: U8, batches: tuple[int, ...]) -> list[str]:
    """Ways of running these rows that give other bits than one thread, row by row."""
    ways = {
        "one thread": partial(opened, threads=1),
        "two threads on every row": partial(opened, threads=2, streams=1),
        "a part a thread": partial(opened, threads=2, streams=2),
        "latency": partial(opened, mode="latency"),
    }
    with ways["one thread"]() as plain:
        truth = bits(plain, inputs, 1)
    different = []
    for name, make in ways.items():
        with make() as engine:
            different += [f"{name}, {n} rows" for n in batches if bits(engine, inputs, n) != truth]
    return different


@pytest.mark.models
@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
@pytest.mark.parametrize(("name", "sides"), [("facenet-20180408", (160, 160)), ("centerface", (96, 160))])
def test_bits_depend_on_the_row_alone(
    name: str, sides: tuple[int, int], precision: Tested, catalogue: Catalogue, models_dir: Path
) -> None:
    prepared = prepare(name, catalogue, models_dir, chosen(precision))
    info, manifest = prepared.engine.info, prepared.manifest
    if info.precision != precision:
        pytest.skip(f"models.yaml names no {precision} of {name}")
    assert manifest is not None
    network = models_dir / "built" / manifest.recipe.folder_name / "model.xml"
    opened = partial(OpenvinoEngine, network, manifest.inputs, manifest.outputs, info)

    assert differing(opened, images(16, *sides), (3, 16)) == []


@pytest.mark.parametrize("sides", [(32, 48), (640, 448)])
def test_bits_of_a_small_network_in_every_way(detector: Opened, sides: tuple[int, int]) -> None:
    assert differing(detector, images(9, *sides), (1, 2, 3, 5, 9)) == []


def test_rows_of_vectors_in_every_way(embedder: Opened) -> None:
    assert differing(embedder, images(9, SIDE_PX, SIDE_PX), (1, 2, 3, 5, 9)) == []


def test_outputs_of_parts_are_owned(detector: Opened) -> None:
    with detector(threads=2, streams=2) as engine:
        first = engine.infer({"image": images(4, 32, 48)})
        kept = {name: value.copy() for name, value in first.items()}
        second = engine.infer({"image": 255 - images(4, 32, 48)})

    for name, value in first.items():
        assert np.array_equal(value, kept[name])
        assert value.flags.writeable
        assert not np.shares_memory(value, second[name])


@pytest.mark.parametrize("way", [{"threads": 1}, {"streams": 2}, {"mode": "latency"}])
def test_after_a_batch_that_fails_it_runs_again(detector: Opened, way: dict[str, Any]) -> None:
    fitting, odd = images(5, 32, 48), images(5, 30, 46)
    with detector(**way) as engine:
        before = bits(engine, fitting, 5)
        for _ in range(2):
            with pytest.raises(BackendError, match="OpenVINO could not run it"):
                engine.infer({"image": odd})

            assert [bits(engine, fitting, 5) for _ in range(3)] == [before] * 3


def test_two_networks_run_at_once(detector: Opened) -> None:
    inputs = images(9, 64, 96)

    def run(engine: Engine) -> list[list[bytes]]:
        return [bits(engine, inputs, batch) for batch in (1, 4, 9, 4, 1)]

    with detector() as one, detector(mode="latency") as other, ThreadPoolExecutor(2) as pool:
        alone = bits(one, inputs, 9)
        both = [*pool.map(run, (one, other))]

    assert both == [[alone] * 5] * 2


@pytest.mark.parametrize("mode", ["latency", "throughput"])
def test_it_opens_again(detector: Opened, mode: str) -> None:
    engine = detector(mode=mode)
    seen = []
    for _ in range(2):
        with engine:
            seen.append(bits(engine, images(4, 32, 48), 4))

    assert seen[0] == seen[1]


def test_a_network_whose_rows_are_no_batch_runs_whole(detector: Opened) -> None:
    engine = detector(threads=2, streams=2)
    engine.outputs = tuple(TensorSpec(spec.name, ("found", *spec.shape[1:])) for spec in engine.outputs)
    with detector(threads=1) as plain, engine:
        assert bits(engine, images(4, 32, 48), 4) == bits(plain, images(4, 32, 48), 1)


@pytest.mark.models
def test_a_second_preparation_only_looks(
    catalogue: Catalogue, models_dir: Path, choice: EngineChoice
) -> None:
    prepare("centerface", catalogue, models_dir, choice)
    steps: list[object] = []

    again = prepare("centerface", catalogue, models_dir, choice, steps.append)

    assert steps == []
    assert again.manifest is not None


@pytest.mark.models
def test_bf16_embeddings_are_near_the_reference(
    catalogue: Catalogue, models_dir: Path, choice: EngineChoice
) -> None:
    manifest = prepare("facenet-20180408", catalogue, models_dir, choice).manifest

    assert manifest is not None
    parity = manifest.parity
    assert parity is not None
    assert parity.reference == "torch fp32"
    assert parity.max_squared_l2 is not None
    assert parity.max_squared_l2 < (0.005 if choice.precision == "bf16" else 1e-9)


@pytest.mark.parametrize("data", [None, b"", b"<net"])
def test_a_file_that_cannot_be_opened(data: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    if data is not None:
        path.write_bytes(data)
    spec = (TensorSpec("image", ("n", 3, "h", "w")),)
    engine = OpenvinoEngine(path, spec, spec, FP32)

    with pytest.raises(BackendError, match=r"OpenVINO cannot open .*model\.xml"):
        engine.open()

"""What replays rely on: a row's bits do not depend on the batch it is in, nor on the number of threads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from engines.arrays import U8
from engines.backends.base import Engine, EngineInfo, TensorSpec
from engines.backends.choose import EngineChoice, choose
from engines.backends.openvino import OpenvinoEngine
from engines.errors import BackendError
from engines.prepare import prepare
from engines.zoo.catalogue import Catalogue

BATCHES = (1, 2, 3, 5, 16)


@pytest.fixture(params=["fp32", "bf16"])
def choice(request: pytest.FixtureRequest) -> EngineChoice:
    precision: Literal["fp32", "bf16"] = request.param
    if precision == "bf16" and choose("openvino").precision != "bf16":
        pytest.skip("this processor has no bf16")
    return choose("openvino", precision)


def bits(engine: Engine, inputs: U8, batch: int) -> list[bytes]:
    """Each output over all inputs, run in batches of this size."""
    parts = [
        engine.infer({engine.inputs[0].name: inputs[start : start + batch]})
        for start in range(0, len(inputs), batch)
    ]
    return [np.concatenate([part[spec.name] for part in parts]).tobytes() for spec in engine.outputs]


@pytest.mark.models
@pytest.mark.parametrize(("name", "sides"), [("facenet-20180408", (160, 160)), ("centerface", (96, 160))])
def test_bits_depend_neither_on_batch_nor_on_threads(
    name: str, sides: tuple[int, int], catalogue: Catalogue, models_dir: Path, choice: EngineChoice
) -> None:
    inputs = np.random.default_rng(0).integers(0, 256, (16, *sides, 3), dtype=np.uint8)

    seen: dict[tuple[int, int], list[bytes]] = {}
    for threads in (1, 2):
        with prepare(name, catalogue, models_dir, replace(choice, threads=threads)).engine as engine:
            seen |= {(threads, batch): bits(engine, inputs, batch) for batch in BATCHES}

    assert [key for key, value in seen.items() if value != seen[1, 1]] == []


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
    assert manifest.parity.reference == "torch fp32"
    assert manifest.parity.max_squared_l2 is not None
    assert manifest.parity.max_squared_l2 < (0.005 if choice.precision == "bf16" else 1e-9)


@pytest.mark.parametrize("data", [None, b"", b"<net"])
def test_a_file_that_cannot_be_opened(data: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "model.xml"
    if data is not None:
        path.write_bytes(data)
    spec = (TensorSpec("image", ("n", 3, "h", "w")),)
    engine = OpenvinoEngine(path, spec, spec, EngineInfo("openvino", "a processor", "fp32", "a test"))

    with pytest.raises(BackendError, match=r"OpenVINO cannot open .*model\.xml"):
        engine.open()

"""Engines on disk: built once, found again, built anew when anything they were made from has changed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from engines.arrays import F32, U8
from engines.backends.base import Engine
from engines.backends.choose import EngineChoice, choose
from engines.backends.cuda.gpus import gpus_here
from engines.backends.tensorrt_module import tensorrt_flavour
from engines.build.built import Built, How, build, engines_beside, find_built, look_up, recipe_for
from engines.build.parity import Gate
from engines.build.parity_limits import DEFAULT_LIMITS
from engines.build.parity_material import ParityMaterial
from engines.errors import BuildError, CatalogueError, ModelFileError
from engines.progress import OnProgress, Progress, ignore
from engines.zoo.description import InputFormat, ModelDescription
from tests.engines.tiny import DIMENSION, SIDE_PX, detector_onnx, embedder_onnx, own_model


@pytest.fixture(scope="module")
def choice() -> EngineChoice:
    return choose("openvino", "fp32", threads=1)


@pytest.fixture
def model(tmp_path: Path) -> ModelDescription:
    return own_model(tmp_path / "tiny.onnx", detector_onnx())


@dataclass(frozen=True, slots=True)
class Found:
    boxes: F32
    landmarks: F32


def only_by_torch(engine: Engine, frames: Sequence[U8]) -> list[Found]:
    """One face a frame, which only the reference finds."""
    count = 1 if engine.info.backend == "torch" else 0
    return [Found(np.ones((count, 4), np.float32), np.ones((count, 5, 2), np.float32)) for _ in frames]


def one_frame(model: ModelDescription, on_progress: OnProgress) -> ParityMaterial:
    crops = np.zeros((0, 1, 1, 3), np.uint8)
    return ParityMaterial("a frame", crops, (np.zeros((32, 32, 3), np.uint8),))


def built(
    model: ModelDescription,
    choice: EngineChoice,
    steps: list[Progress] | None = None,
    how: How | None = None,
) -> Built:
    assert model.path is not None
    on_progress = ignore if steps is None else steps.append
    return build(model, model.path, choice, models_of(model), on_progress, how)


def models_of(model: ModelDescription) -> Path:
    assert model.path is not None
    return model.path.parent / "models"


def test_it_is_built_once(model: ModelDescription, choice: EngineChoice) -> None:
    steps: list[Progress] = []
    first = built(model, choice, steps)
    done = [(progress.step, progress.done, progress.total) for progress in steps]
    second = built(model, choice, steps)

    assert done == [("building", part, 3) for part in range(4)]
    assert len(steps) == len(done)
    assert second == first


def test_the_manifest_says_what_it_was_made_from(model: ModelDescription, choice: EngineChoice) -> None:
    one = built(model, choice)
    manifest = one.manifest

    assert one.folder.parent == models_of(model) / "built"
    assert manifest.recipe.source_sha256 == model.files[0].sha256
    assert manifest.recipe.versions.keys() == {"onnx", "openvino", "torch"}
    assert {file.name for file in manifest.files} == {"model.xml", "model.bin"}
    assert {path.name for path in one.folder.iterdir()} == {"model.xml", "model.bin", "manifest.json"}
    assert manifest.parity is not None
    assert (manifest.parity.reference, manifest.parity.material) == ("torch fp32", "seeded images")
    assert manifest.parity.max_abs < 1e-5
    assert manifest.seconds >= 0
    assert manifest.unchecked == ""
    assert one.size_bytes == sum(file.stat().st_size for file in one.folder.glob("model.*"))


def test_nothing_else_is_left(model: ModelDescription, choice: EngineChoice) -> None:
    one = built(model, choice)

    assert {path.name for path in one.folder.parent.iterdir()} == {one.folder.name, ".lock"}


def test_an_embedder_gets_unit_length_and_any_batch(tmp_path: Path, choice: EngineChoice) -> None:
    one = built(own_model(tmp_path / "tiny.onnx", embedder_onnx(), role="embedding"), choice)

    with one.engine(choice) as engine:
        vectors = engine.infer({"crops": np.ones((3, SIDE_PX, SIDE_PX, 3), np.uint8)})["vectors"]

    assert vectors.shape == (3, DIMENSION)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    parity = one.manifest.parity
    assert parity is not None
    assert parity.reference == "openvino fp32"
    assert parity.vectors is not None
    assert parity.vectors.worst_cosine > 1.0 - 1e-6


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("source_sha256", "0" * 64),
        ("versions", {"openvino": "2020.1"}),
        ("revision", 0),
        ("precision", "bf16"),
    ],
)
def test_an_outdated_engine_is_built_anew(
    key: str, value: object, model: ModelDescription, choice: EngineChoice, caplog: pytest.LogCaptureFixture
) -> None:
    path = built(model, choice).folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["recipe"][key] = value
    path.write_text(json.dumps(manifest))

    with caplog.at_level(logging.WARNING):
        one = built(model, choice)

    assert one.manifest.recipe == recipe_for(model, choice)
    assert f"it was built with {key}" in caplog.text


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"recipe": 3}'])
def test_an_unreadable_manifest(
    text: str, model: ModelDescription, choice: EngineChoice, caplog: pytest.LogCaptureFixture
) -> None:
    (built(model, choice).folder / "manifest.json").write_text(text)

    with caplog.at_level(logging.WARNING):
        one = built(model, choice)

    assert "no readable manifest" in caplog.text
    assert find_built(one.manifest.recipe, models_of(model)) == one


def test_a_truncated_engine(
    model: ModelDescription, choice: EngineChoice, caplog: pytest.LogCaptureFixture
) -> None:
    weights = built(model, choice).folder / "model.bin"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])

    with caplog.at_level(logging.WARNING):
        built(model, choice)

    assert weights.read_bytes() == whole
    assert "model.bin has" in caplog.text


def test_a_changed_engine_of_the_same_size(model: ModelDescription, choice: EngineChoice) -> None:
    weights = built(model, choice).folder / "model.bin"
    whole = weights.read_bytes()
    weights.write_bytes(bytes(len(whole)))
    os.utime(weights, ns=(1, 1))

    built(model, choice)

    assert weights.read_bytes() == whole


def test_a_copied_engine_is_whole(model: ModelDescription, choice: EngineChoice) -> None:
    one = built(model, choice)
    os.utime(one.folder / "model.bin", ns=(1, 1))

    assert find_built(one.manifest.recipe, models_of(model)) == one


def test_precisions_have_engines_of_their_own(model: ModelDescription, choice: EngineChoice) -> None:
    other = replace(choice, precision="bf16")

    assert recipe_for(model, choice).folder_name != recipe_for(model, other).folder_name


def test_what_is_not_onnx(tmp_path: Path, choice: EngineChoice) -> None:
    with pytest.raises(ModelFileError, match="is not an ONNX model"):
        built(own_model(tmp_path / "tiny.onnx", b"something else"), choice)

    assert {path.name for path in (tmp_path / "models" / "built").iterdir()} == {".lock"}


def test_an_embedder_of_another_dimension(tmp_path: Path, choice: EngineChoice) -> None:
    model = own_model(tmp_path / "tiny.onnx", embedder_onnx(), role="embedding")

    with pytest.raises(ModelFileError, match=r"outputs are vectors \('n', 6\), expected one of \(n, 128\)"):
        built(model.model_copy(update={"dimension": 128}), choice)


def test_a_folder_that_cannot_be_written(model: ModelDescription, choice: EngineChoice) -> None:
    models_of(model).write_text("a file where the folder should be")

    with pytest.raises(BuildError, match=r"cannot be written.*FACESTREAM_MODELS"):
        built(model, choice)


def test_what_fails_the_gate_is_not_installed(model: ModelDescription, choice: EngineChoice) -> None:
    gate = Gate(material=one_frame, find=only_by_torch)

    with pytest.raises(BuildError, match=r"fp32 engine is refused: recall of faces 0 .*1 of a frame"):
        built(model, choice, how=How(gate))

    assert {path.name for path in (models_of(model) / "built").iterdir()} == {".lock"}


def test_the_engine_before_it_stays(model: ModelDescription, choice: EngineChoice) -> None:
    one = built(model, choice)

    with pytest.raises(BuildError, match="recall of faces"):
        built(model, choice, how=How(Gate(material=one_frame, find=only_by_torch), anew=True))

    assert look_up(one.manifest.recipe, models_of(model)) == one


def test_an_engine_is_held_to_the_limits_of_today(tmp_path: Path, choice: EngineChoice) -> None:
    model = own_model(tmp_path / "tiny.onnx", embedder_onnx(), role="embedding")
    half = replace(choice, precision="bf16")
    built(model, half)

    with pytest.raises(BuildError, match=r"tiny: the openvino bf16 engine is refused: worst cosine"):
        built(model, half, how=How(Gate(limits=replace(DEFAULT_LIMITS, min_cosine=1.0))))


def test_other_pixels_are_another_engine(tmp_path: Path, choice: EngineChoice) -> None:
    model = own_model(tmp_path / "tiny.onnx", embedder_onnx(), role="embedding")
    crops = np.random.default_rng(1).integers(0, 256, (2, SIDE_PX, SIDE_PX, 3), np.uint8)
    found = []
    for form in ({}, {"colour": "bgr"}, {"mean": 99}, {}):
        given = {"input": InputFormat.model_validate({"side_px": SIDE_PX, **form})}
        with built(model.model_copy(update=given), choice).engine(choice) as engine:
            found.append(engine.infer({"crops": crops})["vectors"])

    assert [float(np.abs(each - found[0]).max()) > 0.01 for each in found] == [False, True, True, False]


def test_anew_although_it_is_there(model: ModelDescription, choice: EngineChoice) -> None:
    first, steps = built(model, choice), list[Progress]()

    second = built(model, choice, steps, How(anew=True))

    assert len(steps) == 4
    assert second.manifest.recipe == first.manifest.recipe


def test_engines_of_other_precisions_stay_beside(model: ModelDescription, choice: EngineChoice) -> None:
    other = replace(choice, precision="bf16")
    built(model, choice)
    built(model, other)

    beside = engines_beside(model, models_of(model))

    assert {each.manifest.recipe.precision for each in beside} == {"fp32", "bf16"}
    assert isinstance(look_up(recipe_for(model, choice), models_of(model)), Built)


def test_there_is_none(model: ModelDescription, choice: EngineChoice) -> None:
    assert look_up(recipe_for(model, choice), models_of(model)) is None
    assert engines_beside(model, models_of(model)) == ()


@pytest.mark.skipif(
    tensorrt_flavour() != "tensorrt_rtx" or bool(gpus_here().gpus),
    reason="for a machine that compiles TensorRT engines and cannot run them",
)
def test_a_tensorrt_engine_that_nothing_here_can_run(
    model: ModelDescription, caplog: pytest.LogCaptureFixture
) -> None:
    choice = EngineChoice("tensorrt", "fp16", 1, "no GPU here", "asked for")

    with caplog.at_level(logging.WARNING):
        one = built(model, choice)

    manifest = one.manifest
    assert one.network.name == "model.engine"
    assert manifest.parity is None
    assert manifest.unchecked.startswith("no GPU")
    assert "COMPILED, NOT CHECKED HERE: no GPU" in caplog.text
    assert manifest.network_parity is not None
    assert 0 < manifest.network_parity.max_abs < 0.05
    assert manifest.tensorrt is not None
    assert len(manifest.tensorrt.profiles) == 2
    assert manifest.recipe.versions.keys() == {"onnx", "torch", "tensorrt_rtx"}
    assert look_up(recipe_for(model, choice), models_of(model)) == one
    assert {path.name for path in one.folder.iterdir()} == {"model.engine", "manifest.json"}


def test_a_changed_int8_file_is_another_engine(model: ModelDescription, tmp_path: Path) -> None:
    choice = EngineChoice("openvino", "int8", 1, "a processor", "asked for")
    model = model.model_copy(update={"int8": tmp_path / "int8.npz"})
    with pytest.raises(CatalogueError, match=r"int8\.npz cannot be read .* drop `int8` of tiny"):
        recipe_for(model, choice)

    (tmp_path / "int8.npz").write_bytes(b"one")
    first = recipe_for(model, choice)
    (tmp_path / "int8.npz").write_bytes(b"another")

    assert recipe_for(model, choice).folder_name == first.folder_name
    assert recipe_for(model, choice) != first
    assert recipe_for(model, replace(choice, precision="bf16")).int8_sha256 == ""

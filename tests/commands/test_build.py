"""`build`: engines beside each other, the gate at its end, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import run_pipeline
from config.load import load
from engines.errors import BackendError
from engines.zoo.catalogue import Catalogue, read_catalogue
from pipeline.assemble.parity import operating_distance
from pipeline.assemble.recognition import CATALOGUE_FILE
from pipeline.commands.build import choice_for, config_of
from pipeline.errors import BadInputError
from tests.engines.tiny import embedder_onnx, own_model

DETECTOR = "centerface"


@pytest.fixture
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The real model files, with no engine built and nothing to compare on but what the machine has."""
    real = Path(os.environ.get("FACESTREAM_MODELS") or "models").absolute()
    folder = tmp_path / "models"
    folder.mkdir()
    for model in (path for path in real.iterdir() if path.is_dir() and path.name not in ("built", "parity")):
        (folder / model.name).symlink_to(model)
    monkeypatch.setenv("FACESTREAM_MODELS", str(folder))
    monkeypatch.delenv("FACESTREAM_TEST_DATA", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


def build(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert run_pipeline.main(["build", DETECTOR, "--json", *arguments]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    return dict(json.loads(line))


@pytest.mark.models
def test_a_line_an_engine(own_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = build(capsys, "--precision", "fp32")
    second = build(capsys, "--precision", "fp32", "--no-lfw")

    assert (first["model"], first["backend"], first["precision"]) == (DETECTOR, "openvino", "fp32")
    path = Path(str(first["path"]))
    assert path.name == "model.xml"
    assert path.is_file()
    assert len(str(first["sha256"])) == 64
    assert isinstance(first["bytes"], int)
    assert first["unchecked"] is None
    parity = first["parity"]
    assert isinstance(parity, dict)
    if parity["material"] == "demo photos":  # else the second build tries again for photos
        assert parity["faces"]["recall"] == 1.0
        assert (first["anew"], second["anew"]) == (True, False)
        assert second["sha256"] == first["sha256"]


@pytest.mark.models
def test_an_engine_that_fails_leaves_the_one_before_it(
    own_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = build(capsys, "--precision", "fp32")
    parity = first["parity"]
    assert isinstance(parity, dict)
    if parity["material"] != "demo photos":
        pytest.skip("the demo's photos are not there")

    # Nothing is nearer than a hundred-millionth of a face's width.
    arguments = ["--precision", "fp32", "--force", "--set", "parity.max_landmark_error=0"]
    assert run_pipeline.main(["build", DETECTOR, *arguments]) == 3

    captured = capsys.readouterr()
    assert captured.out == ""
    last = captured.err.splitlines()[-1]
    assert "centerface: the openvino fp32 engine is refused: landmark error" in last
    assert "is above parity.max_landmark_error 0" in last
    assert Path(str(first["path"])).is_file()


@pytest.mark.models
def test_the_table(own_models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_pipeline.main(["build", DETECTOR, "--precision", "fp32"]) == 0

    out = capsys.readouterr().out
    for word in ("MODEL", "COMPARED", "openvino fp32", "torch fp32"):
        assert word in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["mtcnn"], 2, "mtcnn is reference, which no engine runs"),
        (["centreface"], 2, "did you mean centerface"),
        (["--backend", "torch"], 2, "Invalid value for '--backend'"),
        (["--set", "engine.backend=torch"], 2, "nothing is built"),
        (["--precision", "fp8"], 2, "Invalid value for '--precision'"),
        (["--compute-capability", "8.9"], 2, "add --backend tensorrt"),
        (["--backend", "tensorrt", "--compute-capability", "sm_89"], 2, "expected a number like 8.9"),
        (["--set", "engine.require=tensorrt", "--set", "engine.backend=openvino"], 3, "openvino would run"),
    ],
)
def test_bad_usage_is_one_line(
    arguments: list[str], code: int, message: str, own_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_pipeline.main(["build", *arguments]) == code

    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err


def test_tensorrt_is_chosen_without_a_gpu_too() -> None:
    config = load(None, {}, ())

    choice = choice_for(config, "tensorrt", None)

    assert (choice.backend, choice.precision) == ("tensorrt", "fp16")
    assert choice_for(config, "tensorrt", "int8").precision == "int8"
    assert choice_for(load(None, {}, ("engine.require=tensorrt",)), None, None).backend == "tensorrt"


def test_an_embedder_is_compared_on_crops_and_at_a_distance_of_its_own(tmp_path: Path) -> None:
    own = own_model(tmp_path / "tiny.onnx", embedder_onnx(), role="embedding")
    catalogue = Catalogue((*read_catalogue(CATALOGUE_FILE).models, own), CATALOGUE_FILE)
    config = load(None, {}, ())

    assert operating_distance(config, catalogue) is not None
    assert operating_distance(config_of(config, own), catalogue) is None
    assert config_of(config, catalogue.model(DETECTOR)) == config


def test_options_are_stronger_than_the_configuration() -> None:
    config = load(None, {}, ("engine.precision=fp32", "engine.require=torch"))

    assert choice_for(config, "openvino", None).precision == "fp32"
    with pytest.raises(BadInputError, match="nothing is built"):
        choice_for(load(None, {}, ("engine.backend=torch",)), None, None)
    with pytest.raises(BackendError):
        choice_for(config, "openvino", "fp16")

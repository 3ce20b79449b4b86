"""What `doctor` says of engines: which runs, which do not fit, which GPUs nobody uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load
from config.schema import Config
from engines.backends.choose import EngineChoice
from engines.backends.cuda.gpus import Gpu, GpusHere
from engines.build.parity_measures import VectorParity
from engines.manifest import Manifest, Parity, Recipe
from engines.states import ModelState
from engines.zoo.description import ModelDescription
from pipeline.assemble.parity import limits_of
from pipeline.commands.engine_health import check_engine, check_models, health_of, strayed, unused_gpus
from pipeline.commands.health import Problems
from tests.engines.tiny import embedder_onnx, own_model

MODEL = "facenet-20180408"
CARD = Gpu(0, "a card", "8.9", 16 << 30)


def configured(*assignments: str) -> Config:
    return load(None, {}, assignments)


def test_the_engine_and_why() -> None:
    problems: Problems = []
    engine = check_engine(configured(), problems)
    assert problems == []
    assert engine is not None
    assert engine.backend == "openvino"
    assert engine.precision in engine.reason


def test_an_engine_that_cannot_be_had_is_a_problem() -> None:
    problems: Problems = []
    assert check_engine(configured("engine.backend=openvino", "engine.require=torch"), problems) is None
    assert [problem.part for problem in problems] == ["engine"]
    assert "set engine.backend=torch" in problems[0].message


def test_needed_models_that_are_missing_are_a_problem(tmp_path: Path) -> None:
    problems: Problems = []
    models = check_models(configured(), tmp_path, problems)
    assert {model.state for model in models} == {"missing"}
    assert {model.name for model in models if model.needed} == {"centerface", MODEL}
    assert [problem.message for problem in problems] == [
        "missing: facenet-20180408, centerface; run: python run_pipeline.py models"
    ]
    assert list(tmp_path.iterdir()) == []


def test_models_are_looked_at_also_without_an_engine(tmp_path: Path) -> None:
    problems: Problems = []
    assert check_models(configured("engine.backend=openvino", "engine.require=torch"), tmp_path, problems)


def test_a_model_that_nobody_describes_is_a_problem(tmp_path: Path) -> None:
    problems: Problems = []
    assert check_models(configured("embedding.model=facenett"), tmp_path, problems) == ()
    assert "no model 'facenett'" in problems[0].message


def test_a_gpu_that_nobody_uses_is_named() -> None:
    choice = EngineChoice("openvino", "bf16", 0, "a processor", "the fastest")

    (line,) = unused_gpus(choice, GpusHere((CARD,), ""))

    assert line.startswith("GPU 0: a card, compute capability 8.9, 16 GiB is not used: ")


def test_a_gpu_in_use_is_not_unused() -> None:
    choice = EngineChoice("tensorrt", "fp16", 0, "a card", "the fastest")

    assert unused_gpus(choice, GpusHere((CARD,), "")) == ()
    assert unused_gpus(choice, GpusHere((), "no driver")) == ()


@pytest.fixture
def model(tmp_path: Path) -> ModelDescription:
    return own_model(tmp_path / "tiny.onnx", embedder_onnx(), role="embedding")


def test_an_outdated_engine_is_told_of_with_the_command(model: ModelDescription) -> None:
    state = ModelState(model, "verified", Path("models"), 0, outdated="it was built with revision 1, now 2")
    choice = EngineChoice("openvino", "fp32", 0, "a processor", "asked for")

    health = health_of(state, choice, ("tiny",))

    assert (health.engine, health.needed) == (None, True)
    assert health.rebuild == (
        "its engine does not fit: it was built with revision 1, now 2; "
        "run: python run_pipeline.py build tiny --backend openvino --precision fp32"
    )


def test_an_engine_that_passed_other_limits(model: ModelDescription) -> None:
    vectors = VectorParity(32, 0.98, 0.995, 1e-4, 1.1, 496, 0)
    recipe = Recipe("tiny", "0" * 64, "onnx", "openvino", "bf16", 1, {})
    parity = Parity("torch fp32", "lfw_dev", 32, 0.01, vectors, None, None)
    state = ModelState(model, "built", Path("models"), 0, Manifest(recipe, (), (), (), parity))

    (problem,) = strayed(state, limits_of(configured("parity.min_cosine=0.99")))

    assert health_of(state, None, ()).engine == "openvino bf16"
    assert strayed(state, limits_of(configured())) == []
    assert problem.message.startswith(
        "tiny, openvino bf16: worst cosine 0.98 is below parity.min_cosine 0.99; set that limit"
    )

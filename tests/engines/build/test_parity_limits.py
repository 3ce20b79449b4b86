"""Which measure was not kept, and what is said of it."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from config.engine_sections import Parity as ParitySection
from engines.build.parity import check
from engines.build.parity_limits import DEFAULT_LIMITS, Measure, measures, shortfall
from engines.build.parity_measures import FaceParity, LfwParity, VectorParity
from engines.errors import BuildError
from engines.manifest import Parity

VECTORS = VectorParity(32, 0.98, 0.995, 1e-4, 1.1, 500, 5)
FACES = FaceParity(11, 100, 97, 1, 0.03, 0.5, 3.0)
LFW = LfwParity(6000, 0.989, 0.99, "openvino fp32")
EMBEDDER = Parity("torch fp32", "lfw_dev", 32, 0.5, VECTORS, None, None)
DETECTOR = Parity("torch fp32", "lfw_dev", 11, 0.5, None, FACES, None)


def test_the_configurations_defaults_are_these() -> None:
    assert ParitySection().model_dump() == asdict(DEFAULT_LIMITS)


@pytest.mark.parametrize("parity", [EMBEDDER, DETECTOR])
def test_a_limit_that_is_just_reached_is_kept(parity: Parity) -> None:
    assert shortfall(parity, DEFAULT_LIMITS, "int8") is None


@pytest.mark.parametrize(
    ("parity", "words"),
    [
        (
            replace(EMBEDDER, vectors=replace(VECTORS, worst_cosine=0.9)),
            "worst cosine 0.9 is below parity.min_cosine 0.97",
        ),
        (replace(EMBEDDER, vectors=replace(VECTORS, mean_cosine=0.98)), "parity.min_mean_cosine 0.99"),
        (
            replace(EMBEDDER, vectors=replace(VECTORS, changed_decisions=6)),
            "share of changed decisions 0.012 is above parity.max_changed_decisions 0.01",
        ),
        (
            replace(DETECTOR, faces=replace(FACES, found=96)),
            "recall of faces 0.96 is below parity.min_recall",
        ),
        (
            replace(DETECTOR, faces=replace(FACES, landmark_error=0.04)),
            "landmark error 0.04 is above parity.max_landmark_error 0.03",
        ),
        (
            replace(EMBEDDER, lfw=replace(LFW, accuracy=0.988)),
            "loss of LFW accuracy 0.002 is above parity.max_lfw_loss 0.001",
        ),
        (replace(EMBEDDER, vectors=None), "relative difference 0.5 is above limit 0.3"),
        (replace(EMBEDDER, vectors=replace(VECTORS, worst_cosine=float("nan"))), "worst cosine nan"),
    ],
)
def test_the_measure_is_named_with_value_and_limit(parity: Parity, words: str) -> None:
    assert words in str(shortfall(parity, DEFAULT_LIMITS, "int8"))


def test_fp32_may_differ_by_rounding_alone() -> None:
    assert shortfall(EMBEDDER, DEFAULT_LIMITS, "bf16") is None
    assert "squared L2 between vectors 0.0001" in str(shortfall(EMBEDDER, DEFAULT_LIMITS, "fp32"))


def test_lfw_has_a_limit_only_where_it_ran() -> None:
    def keys(parity: Parity) -> list[str]:
        return [each.key for each in measures(parity, DEFAULT_LIMITS, "bf16")]

    assert "parity.max_lfw_loss" not in keys(EMBEDDER)
    assert "parity.max_lfw_loss" in keys(replace(EMBEDDER, lfw=LFW))


def test_a_better_engine_keeps_the_limit() -> None:
    assert Measure("loss of LFW accuracy", -0.001, 0.001, "parity.max_lfw_loss", at_least=False).kept


@pytest.mark.parametrize(
    ("backend", "precision", "way_out"),
    [
        ("openvino", "int8", "use engine.precision=bf16"),
        ("openvino", "bf16", "use engine.precision=fp32"),
        ("tensorrt", "int8", "use engine.precision=fp16"),
        ("tensorrt", "fp16", "use engine.precision=fp32"),
        ("openvino", "fp32", "set another engine.backend"),
    ],
)
def test_the_message_says_what_to_do(backend: str, precision: str, way_out: str) -> None:
    failing = replace(EMBEDDER, vectors=replace(VECTORS, worst_cosine=0.9))

    with pytest.raises(BuildError, match=way_out) as raised:
        check(failing, "tiny", precision, backend, DEFAULT_LIMITS)

    assert f"tiny: the {backend} {precision} engine is refused" in str(raised.value)
    assert "32 of lfw_dev" in str(raised.value)

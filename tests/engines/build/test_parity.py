"""The gate on engines that are numpy functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from engines.arrays import F32, U8, Batch
from engines.backends.base import Engine, TensorSpec
from engines.backends.fake import FakeEngine
from engines.build.parity import Gate, References, held_to
from engines.build.parity_material import SEEDED, LfwMaterial, ParityMaterial, seeded_inputs
from engines.errors import BuildError
from engines.evaluation.lfw_pairs import Pairs
from engines.progress import OnProgress, ignore
from engines.zoo.description import ModelDescription
from tests.engines.tiny import DIMENSION, SIDE_PX, detector_onnx, embedder_onnx, own_model

CROPS = (TensorSpec("crops", ("n", SIDE_PX, SIDE_PX, 3), "uint8"),)
VECTORS = (TensorSpec("vectors", ("n", DIMENSION)),)


def embedder(noise: float) -> FakeEngine:
    """Means of rows of pixels, and a little noise that is the same for the same crop."""

    def look(inputs: Mapping[str, Batch]) -> Mapping[str, F32]:
        rows = inputs["crops"].astype(np.float32).mean(axis=(2, 3))[:, :DIMENSION] - 127.5
        added = noise * np.sin(1000.0 * rows)
        return {"vectors": np.asarray(rows + added, np.float32)}

    return FakeEngine(look, CROPS, VECTORS)


def random_crops(count: int = 12) -> U8:
    return np.random.default_rng(0).integers(0, 256, (count, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)


def material(model: ModelDescription, on_progress: OnProgress) -> ParityMaterial:
    return ParityMaterial("random pixels", random_crops(), (np.zeros((32, 32, 3), np.uint8),) * 3)


@pytest.fixture
def model(tmp_path: Path) -> ModelDescription:
    return own_model(tmp_path / "tiny.onnx", embedder_onnx(), role="embedding")


def references(engine: Engine) -> References:
    return References(engine, engine)


def test_an_embedder_is_compared_on_crops(model: ModelDescription, tmp_path: Path) -> None:
    gate = Gate(material=material, max_distance=1.0)

    parity = held_to(gate, model, embedder(0.0), references(embedder(0.0)), tmp_path, ignore)

    assert (parity.material, parity.samples, parity.reference) == ("random pixels", 12, "fake fp32")
    assert parity.vectors is not None
    assert (parity.vectors.pairs, parity.vectors.changed_decisions) == (66, 0)
    assert parity.vectors.worst_cosine == pytest.approx(1.0)
    assert parity.faces is None
    assert parity.lfw is None


def test_noise_is_seen(model: ModelDescription, tmp_path: Path) -> None:
    gate = Gate(material=material, max_distance=1.0)

    parity = held_to(gate, model, embedder(10.0), references(embedder(0.0)), tmp_path, ignore)

    assert parity.vectors is not None
    assert parity.vectors.worst_cosine < 0.97
    assert parity.vectors.changed_decisions > 0
    assert parity.max_abs > 0.01


def test_without_photos_images_are_painted(model: ModelDescription, tmp_path: Path) -> None:
    parity = held_to(Gate(), model, embedder(0.0), references(embedder(0.0)), tmp_path, ignore)

    assert parity.material == SEEDED
    assert np.array_equal(seeded_inputs(model), seeded_inputs(model))


def lfw(crops: U8) -> LfwMaterial:
    """Two folds of two pairs each, of neighbouring crops."""
    names = tuple(f"P{row // 2}/P{row // 2}_{row % 2 + 1:04d}" for row in range(len(crops)))
    pairs = Pairs(
        (names[0], names[0], names[4], names[4]),
        (names[1], names[2], names[5], names[6]),
        np.array([True, False, True, False]),
        np.array([0, 0, 1, 1]),
    )
    return LfwMaterial(pairs, tuple(f"{name}.jpg" for name in names), "as they are", lambda: iter([crops]))


def test_lfw_where_it_is_there(model: ModelDescription, tmp_path: Path) -> None:
    gate = Gate(material=material, lfw=lambda: lfw(random_crops()))

    parity = held_to(gate, model, embedder(0.0), references(embedder(0.0)), tmp_path, ignore)

    assert parity.lfw is not None
    assert (parity.lfw.pairs, parity.lfw.loss, parity.lfw.reference) == (4, 0.0, "fake fp32")
    assert len(list((tmp_path / "parity").glob("lfw-tiny-*.npy"))) == 1


@dataclass(frozen=True, slots=True)
class Found:
    boxes: F32
    landmarks: F32


def no_face(engine: Engine, frames: Sequence[U8]) -> list[Found]:
    return [Found(np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32)) for _ in frames]


def test_a_reference_that_finds_nothing_is_no_measure(tmp_path: Path) -> None:
    detector = own_model(tmp_path / "tiny.onnx", detector_onnx())
    image = (TensorSpec("image", ("n", "h", "w", 3), "uint8"),)
    engine = FakeEngine(
        lambda inputs: {"heat": np.asarray(inputs["image"], np.float32)},
        image,
        (TensorSpec("heat", ("n", "h", "w", 3)),),
    )
    gate = Gate(material=material, find=no_face)

    with pytest.raises(BuildError, match="finds no face in random pixels"):
        held_to(gate, detector, engine, references(engine), tmp_path, ignore)

    without = replace(gate, find=None)
    assert held_to(without, detector, engine, references(engine), tmp_path, ignore).faces is None

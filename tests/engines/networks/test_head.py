"""Heads: the same vectors after writing and reading, the same bytes each time, and a line for what is no head."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save
from torch.nn import functional as F

from engines.arrays import F32
from engines.errors import CatalogueError
from engines.networks.head import FEATURES, MAX_BYTES, Head, HeadedFacenet, HeadOrigin, make_head, read_head
from engines.networks.inception_resnet_v1 import InceptionResnetV1
from engines.zoo.catalogue import Catalogue

ORIGIN = HeadOrigin("facenet-20180408", "7" * 64, "train", "half of it", 0, "accuracy 0.9 on 7 people ± 0.1")
DIMENSION = 16


def weights(dimension: int = DIMENSION) -> tuple[F32, F32]:
    random = np.random.default_rng(dimension)
    weight, bias = random.normal(size=(dimension, FEATURES)), random.normal(size=dimension)
    return weight.astype(np.float32) * np.float32(0.003), bias.astype(np.float32)


def head(dimension: int = DIMENSION) -> Head:
    return make_head(*weights(dimension), ORIGIN)


def features(count: int = 5) -> F32:
    return np.random.default_rng(1).normal(size=(count, FEATURES)).astype(np.float32)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "a" / "some-head.safetensors"
    head().write(path)
    return path


def test_a_head_is_read_as_it_was_written(written: Path) -> None:
    read = read_head(written, DIMENSION, ORIGIN.weights_sha256)

    assert read.origin == ORIGIN
    assert np.array_equal(read.weight, head().weight)
    assert np.array_equal(read.bias, head().bias)
    assert np.array_equal(read.vectors(features()), head().vectors(features()))


def test_the_same_head_gives_the_same_bytes(written: Path) -> None:
    before = written.read_bytes()
    head().write(written)

    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_a_head_of_128_numbers_is_small_enough_for_the_repository(tmp_path: Path) -> None:
    head(128).write(tmp_path / "head.safetensors")

    assert (tmp_path / "head.safetensors").stat().st_size < 500_000


def test_the_head_that_ships_is_of_the_trunk_that_ships_and_says_how_it_was_made(
    catalogue: Catalogue,
) -> None:
    model, trunk = catalogue.model("facenet-128"), catalogue.model("facenet-20180408")
    assert model.head is not None
    shipped = read_head(model.head, model.dimension, trunk.files[0].sha256)

    assert model.files == trunk.files
    assert model.head.stat().st_size < 1_000_000
    assert shipped.origin.model == trunk.name
    assert "train lfw_view2.tar lfw_dev.tar ytf_frames.tar --network head" in shipped.origin.command
    assert shipped.origin.seed == 0
    assert "accuracy" in shipped.origin.held_out


def test_scaling_and_rounding_hardly_move_a_vector() -> None:
    weight, bias = weights()
    exact = features().astype(np.float64) @ weight.T + bias
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    found = make_head(np.float32(1e-6) * weight, np.float32(1e-6) * bias, ORIGIN).vectors(features())

    assert np.sum((found - exact) ** 2, axis=1).max() < 1e-6
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(5), abs=1e-6)


def test_a_facenet_with_a_head_gives_the_heads_vectors_of_its_features() -> None:
    torch.manual_seed(0)
    facenet = InceptionResnetV1().eval()
    crops = torch.rand(1, 3, 160, 160) - 0.5
    with torch.inference_mode():
        want = head().vectors(facenet.features(crops).numpy())
        plain = F.normalize(facenet.batch_norm(facenet.bottleneck(facenet.features(crops))), dim=1)
        assert torch.equal(facenet(crops), plain)
        headed = HeadedFacenet(facenet, head())
        found = headed(crops).numpy()

    assert found.shape == (1, DIMENSION)
    assert np.abs(found - want).max() < 1e-6
    trunk = {name for name in facenet.state_dict() if not name.startswith(("bottleneck", "batch_norm"))}
    assert set(headed.state_dict()) == trunk | {"head.weight", "head.bias"}
    assert not headed.training


def test_another_dimension_or_another_trunk(written: Path) -> None:
    with pytest.raises(CatalogueError, match=r"some-head\.safetensors: a head of 16 dimensions.* says 128"):
        read_head(written, 128)
    with pytest.raises(
        CatalogueError, match=r"trained on facenet-20180408 with weights 777777777777, .* 8888"
    ):
        read_head(written, DIMENSION, "8" * 64)


def test_a_head_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"cannot be read .*train PEOPLE --network head"):
        read_head(tmp_path / "none")
    with pytest.raises(CatalogueError, match="cannot be read"):
        read_head(tmp_path)


@pytest.mark.parametrize("kept", [0, 7, 8, 60, 400, -1])
def test_a_truncated_head(written: Path, kept: int) -> None:
    written.write_bytes(written.read_bytes()[:kept])

    with pytest.raises(CatalogueError, match=r"is no head .*make it anew"):
        read_head(written)


def test_a_file_that_is_too_large(written: Path) -> None:
    with written.open("ab") as file:
        file.truncate(MAX_BYTES + 1)

    with pytest.raises(CatalogueError, match="more than 16 MiB"):
        read_head(written)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("version", 2, "version"),
        ("seed", "0", "seed"),
        ("seed", True, "seed"),
        ("model", 5, "model"),
        ("colour", "red", "colour"),
        ("model", None, "model"),
    ],
)
def test_another_header(written: Path, key: str, value: object, reason: str) -> None:
    about = {"version": 1, **{name: getattr(ORIGIN, name) for name in ORIGIN.__slots__}, key: value}
    written.write_bytes(save(load(written.read_bytes()), metadata={"head": json.dumps(about)}))

    with pytest.raises(CatalogueError, match=f"is no head .*{reason}"):
        read_head(written)


@pytest.mark.parametrize("metadata", [None, {"head": "[]"}, {"head": "what"}, {"format": "pt"}])
def test_a_file_of_other_tensors(written: Path, metadata: dict[str, str] | None) -> None:
    written.write_bytes(save(load(written.read_bytes()), metadata=metadata))

    with pytest.raises(CatalogueError, match="is no head"):
        read_head(written)


@pytest.mark.parametrize("change", ["shape", "type", "nan", "missing", "bias"])
def test_other_numbers(written: Path, change: str) -> None:
    arrays = load(written.read_bytes())
    if change == "shape":
        arrays["weight"] = arrays["weight"][:, :-1].copy()
    elif change == "type":
        arrays["weight"] = arrays["weight"].astype(np.float32)
    elif change == "nan":
        arrays["bias"][0] = np.nan
    elif change == "bias":
        arrays["bias"] = arrays["bias"][:-1].copy()
    else:
        del arrays["bias"]
    about = {"version": 1, **{name: getattr(ORIGIN, name) for name in ORIGIN.__slots__}}
    written.write_bytes(save(arrays, metadata={"head": json.dumps(about)}))

    with pytest.raises(CatalogueError, match="is no head"):
        read_head(written)


def test_a_head_checks_itself() -> None:
    with pytest.raises(ValueError, match=r"weight must be float32 \(D, 1792\)"):
        replace(head(), weight=np.zeros((DIMENSION, 3), np.float32))
    with pytest.raises(ValueError, match="bias must be finite"):
        replace(head(), bias=np.full(DIMENSION, np.inf, np.float32))

"""Crops to unit vectors, in bounded batches."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from engines.arrays import Batch
from engines.backends.base import TensorSpec
from engines.backends.fake import FakeEngine, fake_embedder
from pipeline.arrays import F32, U8
from pipeline.embedding.embedder import Embedder, unit_length
from pipeline.errors import BadInputError
from pipeline.gallery.int8_grid import Kept, on_grid, to_grid
from pipeline.pixels import HostPixels

SIDE = 16


def crops_of(count: int, seed: int = 0) -> U8:
    return np.random.default_rng(seed).integers(0, 256, (count, SIDE, SIDE, 3), dtype=np.uint8)


def opened(max_batch: int = 4) -> Embedder:
    engine = fake_embedder(SIDE, dimension=32)
    engine.open()
    return Embedder(engine, "fake-1", max_batch)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_batches_change_nothing(count: int) -> None:
    crops = crops_of(count)

    together = opened().embed(crops)

    assert together.shape == (count, 32)
    assert together.dtype == np.float32
    np.testing.assert_array_equal(together, np.concatenate([opened().embed(crop[None]) for crop in crops]))


def test_no_batch_is_larger_than_allowed() -> None:
    sizes: list[int] = []

    def answer(inputs: Mapping[str, Batch]) -> Mapping[str, F32]:
        sizes.append(len(inputs["crops"]))
        return {"vectors": np.ones((len(inputs["crops"]), 8), np.float32)}

    engine = FakeEngine(
        answer, (TensorSpec("crops", ("n", SIDE, SIDE, 3), "uint8"),), (TensorSpec("vectors", ("n", 8)),)
    )
    engine.open()
    Embedder(engine, "fake-1", max_batch=4).embed(crops_of(10))

    assert sizes == [4, 4, 2]


def test_no_crops_need_no_run() -> None:
    assert opened().embed(crops_of(0)).shape == (0, 32)


def test_vectors_have_unit_length_whatever_the_network_gives() -> None:
    vectors = np.random.default_rng(1).normal(0, 50, (20, 64)).astype(np.float32)

    lengths = np.linalg.norm(unit_length(vectors).astype(np.float64), axis=1)

    np.testing.assert_allclose(lengths, 1.0, atol=1e-6)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_vector_without_a_direction_is_an_error(bad: float) -> None:
    with pytest.raises(ValueError, match="without a direction"):
        unit_length(np.full((1, 8), bad, np.float32))


def test_another_network_is_refused_with_what_it_is() -> None:
    engine = FakeEngine(
        lambda inputs: {},
        (TensorSpec("crops", ("n", SIDE, SIDE, 3), "uint8"),),
        (TensorSpec("heat", ("n", 1, "h", "w")),),
    )

    with pytest.raises(BadInputError, match=r"not an embedder.*heat"):
        _ = Embedder(engine, "odd", 4).dimension


def test_crops_of_several_frames_get_the_vectors_that_they_get_together() -> None:
    crops = crops_of(5)
    apart = opened().embed_pixels([HostPixels(crops[:2]), HostPixels(crops[2:])])
    np.testing.assert_array_equal(apart, opened().embed(crops))
    assert opened().embed_pixels([]).shape == (0, 32)


def test_vectors_kept_as_int8_lie_on_the_grid_alone_and_together() -> None:
    engine = fake_embedder(SIDE, dimension=32)
    engine.open()
    centre = np.linspace(-0.05, 0.05, 32, dtype=np.float32)
    forms: tuple[Kept, Kept] = ("float32", "int8")
    plain, kept = (Embedder(engine, "fake-1", 4, centre, form) for form in forms)
    crops = crops_of(9)

    vectors = kept.embed(crops)

    assert on_grid(vectors) is not None
    assert on_grid(plain.embed(crops)) is None
    np.testing.assert_array_equal(vectors, to_grid(plain.embed(crops)))
    np.testing.assert_array_equal(vectors, np.concatenate([kept.embed(crop[None]) for crop in crops]))
    np.testing.assert_array_equal(vectors, kept.embed_pixels([HostPixels(crops[:2]), HostPixels(crops[2:])]))
    assert kept.embed(crops_of(0)).shape == (0, 32)

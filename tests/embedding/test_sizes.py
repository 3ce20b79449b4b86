"""Crops in the size of a network's input, and a batch that two networks see."""

from __future__ import annotations

import numpy as np

from engines.backends.fake import fake_embedder
from pipeline.embedding.embedder import Embedder
from pipeline.embedding.in_force import InForce, OneEmbedder, Seeing
from pipeline.embedding.sizes import in_size
from pipeline.embedding.stage import EmbeddingStage
from pipeline.pixels import CropsInSizes, HostPixels
from tests.embedding.test_stage import SIDE, item


def crops(side: int, count: int = 2, value: int = 48) -> HostPixels:
    return HostPixels(np.full((count, side, side, 3), value, np.uint8))


def embedder(model_id: str, side: int, dimension: int) -> Seeing:
    engine = fake_embedder(side, dimension)
    engine.open()
    return Seeing(Embedder(engine, model_id, 4), side)


def test_crops_that_were_cut_in_a_size_are_taken_as_they_are() -> None:
    small, large = crops(8), crops(16)
    both = CropsInSizes((small, large))
    assert in_size(both, 16) is large
    assert in_size(both, 8) is small
    assert in_size(large, 16) is large
    assert both.shape == (2, 8, 8, 3)
    assert both.take(np.array([1])).sizes[1].shape == (1, 16, 16, 3)


def test_others_are_scaled_from_the_largest() -> None:
    both = CropsInSizes((crops(8, value=0), crops(16, value=200)))
    for side in (4, 32):
        found = in_size(both, side).to_host()
        assert found.shape == (2, side, side, 3)
        assert np.all(found == 200)
    assert in_size(crops(8, count=0), 16).shape == (0, 16, 16, 3)


class Changing(OneEmbedder):
    """Another embedder for each batch, and an older one beside the second."""

    def __init__(self, *in_force: InForce) -> None:
        super().__init__(in_force[0].serving.embedder)
        self._next = list(in_force)

    def now(self) -> InForce:
        return self._next.pop(0)


def test_a_batch_is_embedded_by_what_is_in_force_when_it_begins() -> None:
    first, second = embedder("v1", SIDE, 32), embedder("v2", 2 * SIDE, 8)
    stage = EmbeddingStage(Changing(InForce(first), InForce(second, first), InForce(second)))
    items = [item(0, 2, [0, 1]), item(1, 0, [])]
    told = [stage.process(items) for _ in range(3)]

    assert [[each.model_id for each in batch] for batch in told] == [["v1"] * 2, ["v2"] * 2, ["v2"] * 2]
    assert [batch[0].vectors.shape for batch in told] == [(2, 32), (2, 8), (2, 8)]
    older = told[1][0].older
    assert older is not None
    assert older.model_id == "v1"
    assert np.array_equal(older.vectors, told[0][0].vectors)
    assert told[1][1].older is not None
    assert told[0][0].older is None
    assert told[2][0].older is None

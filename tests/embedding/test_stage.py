"""The embedding stage: every item gets the vectors of its own crops."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from engines.backends.fake import fake_embedder
from pipeline.embedding.embedder import Embedder
from pipeline.embedding.in_force import OneEmbedder
from pipeline.embedding.stage import EmbeddingStage
from pipeline.pixels import HostPixels
from pipeline.types import Aligned, Faces, FrameInfo

SIDE, DIMENSION = 16, 32


def item(index: int, faces: int, rows: list[int]) -> Aligned:
    """A frame with so many faces, of which these rows have crops, each in a colour of its own."""
    colours = [16 + 32 * ((index * 3 + row) % 8) for row in rows]
    crops = np.array(colours, np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, SIDE, SIDE, 3), np.uint8)
    return Aligned(
        info=FrameInfo("door", index, index / 10, datetime(2026, 1, 1, tzinfo=UTC), 64, 48, 0),
        faces=Faces(
            np.zeros((faces, 4), np.float32),
            np.zeros((faces, 5, 2), np.float32),
            np.ones(faces, np.float32),
        ),
        track_ids=np.arange(1, faces + 1, dtype=np.int64),
        observed=np.ones(faces, np.bool_),
        quality=np.ones(faces, np.float32),
        rows=np.array(rows, np.int64),
        crops=HostPixels(crops),
    )


def stage(max_batch: int = 2) -> EmbeddingStage:
    engine = fake_embedder(SIDE, DIMENSION)
    engine.open()
    return EmbeddingStage(OneEmbedder(Embedder(engine, "fake-1", max_batch)))


def test_each_item_gets_its_own_vectors_in_order() -> None:
    items = [item(0, 2, [0, 1]), item(1, 3, []), item(2, 0, []), item(3, 2, [1]), item(4, 3, [0, 1, 2])]

    out = stage().process(items)

    assert [each.aligned for each in out] == items
    assert [each.vectors.shape for each in out] == [(2, 32), (0, 32), (0, 32), (1, 32), (3, 32)]
    assert {each.model_id for each in out} == {"fake-1"}
    for each in out:
        (alone,) = stage().process([each.aligned])
        np.testing.assert_array_equal(each.vectors, alone.vectors)


def test_items_without_crops_pass_with_no_vectors() -> None:
    out = stage().process([item(0, 1, []), item(1, 0, [])])

    assert [each.vectors.shape for each in out] == [(0, DIMENSION), (0, DIMENSION)]
    assert {each.vectors.dtype for each in out} == {np.dtype(np.float32)}


def test_after_a_failure_the_engine_is_made_anew_and_not_before() -> None:
    engine = fake_embedder(SIDE, DIMENSION)
    engine.open()
    made: list[str] = []

    def reopen() -> None:
        made.append("anew")
        engine.close()
        engine.open()

    embed = EmbeddingStage(OneEmbedder(Embedder(engine, "fake-1", 2), reopen))
    embed.open()
    assert made == []
    engine.close()  # as a context that is lost
    embed.close()
    embed.open()
    assert made == ["anew"]
    assert len(embed.process([item(0, 1, [0])])) == 1

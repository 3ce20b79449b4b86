"""The embedding stage: the crops of all items of a batch through the network together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.embedding.embedder import Embedder
from pipeline.stage import EngineStage, Reopen
from pipeline.types import Aligned, Embedded


class EmbeddingStage(EngineStage[Aligned, Embedded]):
    """Gives each item the vectors of its crops; an item without crops passes with none."""

    name = "embed"

    def __init__(self, embedder: Embedder, reopen: Reopen | None = None) -> None:
        """`reopen` makes the embedder's engine anew after a failure."""
        super().__init__(reopen)
        self._embedder = embedder

    def process(self, batch: Sequence[Aligned]) -> Sequence[Embedded]:
        vectors = self._embedder.embed_pixels([item.crops for item in batch if len(item.rows)])
        ends = np.cumsum([len(item.rows) for item in batch])
        return [
            Embedded(item, vectors[end - len(item.rows) : end], self._embedder.model_id)
            for item, end in zip(batch, ends.tolist(), strict=True)
        ]

"""The embedding stage: the crops of all items of a batch through the network together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.arrays import F32
from pipeline.embedding.in_force import Embedders, Seeing
from pipeline.embedding.sizes import in_size
from pipeline.stage import EngineStage
from pipeline.types import Aligned, Embedded, OlderVectors


class EmbeddingStage(EngineStage[Aligned, Embedded]):
    """Gives each item the vectors of its crops; an item without crops passes with none.

    Which model they are of may change between two batches, never within one. While people are left behind under an
    older model each crop is embedded by that one too.
    """

    name = "embed"

    def __init__(self, embedders: Embedders) -> None:
        """After a failure `embedders.reopen` makes the engines anew."""
        super().__init__(embedders.reopen)
        self._embedders = embedders

    def process(self, batch: Sequence[Aligned]) -> Sequence[Embedded]:
        now = self._embedders.now()
        serving = now.serving.embedder
        vectors = _vectors(now.serving, batch)
        before = None if now.older is None else _vectors(now.older, batch)
        ends = np.cumsum([len(item.rows) for item in batch])
        embedded = []
        for item, end in zip(batch, ends.tolist(), strict=True):
            rows = slice(end - len(item.rows), end)
            older = None
            if now.older is not None and before is not None:
                older = OlderVectors(before[rows], now.older.embedder.model_id)
            embedded.append(Embedded(item, vectors[rows], serving.model_id, older, serving.kept))
        return embedded


def _vectors(seeing: Seeing, batch: Sequence[Aligned]) -> F32:
    """Vectors (N, D) of all crops of the batch."""
    crops = [item.crops for item in batch if len(item.rows)]
    side = seeing.side_px
    return seeing.embedder.embed_pixels(crops if side is None else [in_size(each, side) for each in crops])

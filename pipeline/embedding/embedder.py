"""Turning crops into unit vectors, a bounded batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.backends.base import Engine
from pipeline.arrays import F32, U8, check_array
from pipeline.errors import BadInputError
from pipeline.gallery.int8_grid import Kept, to_grid
from pipeline.pixels import Pixels


class Embedder:
    """An embedding network on an engine which the caller has opened and closes."""

    def __init__(
        self,
        engine: Engine,
        model_id: str,
        max_batch: int,
        centre: F32 | None = None,
        kept: Kept = "float32",
    ) -> None:
        """
        Args:
            centre: (D,) the mean of the network's unit vectors, taken off each (engines.centre).
            kept: `int8` brings each vector to the int8 grid, last of all.
        """
        self._engine = engine
        self._max_batch = max_batch
        self._centre = centre
        self.model_id = model_id
        self.kept: Kept = kept

    @property
    def dimension(self) -> int:
        """D, the length of a vector. Raises BadInputError where the network does not give vectors."""
        shape = self._engine.outputs[0].shape
        if len(self._engine.outputs) != 1 or len(shape) != 2 or not isinstance(shape[1], int):
            raise BadInputError(
                f"embedding.model {self.model_id} is not an embedder: one output (N, D) is needed, "
                f"it has {', '.join(f'{spec.name} {spec.shape}' for spec in self._engine.outputs)}"
            )
        return shape[1]

    def embed(self, crops: U8) -> F32:
        """Vectors (N, D) of unit length for crops (N, S, S, 3) RGB uint8. Raises BackendError."""
        vectors = np.empty((len(crops), self.dimension), np.float32)
        for start in range(0, len(crops), self._max_batch):
            part = slice(start, start + self._max_batch)
            (vectors[part],) = self._engine.infer({self._engine.inputs[0].name: crops[part]}).values()
        return self._finished(vectors)

    def embed_pixels(self, crops: Sequence[Pixels]) -> F32:
        """As `embed`, of several batches of crops (n, S, S, 3), one after the other, wherever they are."""
        if not crops:
            return np.zeros((0, self.dimension), np.float32)
        return self.embed(
            crops[0].to_host() if len(crops) == 1 else np.concatenate([each.to_host() for each in crops])
        )

    def _finished(self, vectors: F32) -> F32:
        """Vectors (N, D) as they leave the embedder, each by itself, from what the network gave."""
        units = unit_length(vectors)
        if self._centre is not None:
            units = unit_length(units - self._centre)
        return to_grid(units) if self.kept == "int8" else units


def unit_length(vectors: F32) -> F32:
    """Vectors (N, D) divided by their lengths.

    Networks that end in a normalisation are still off by 1e-3 in bf16, which would shift every distance. Raises
    ValueError for a vector without a direction: zeros, infinities or NaN.
    """
    check_array("vectors", vectors, np.float32, ("N", "D"))
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    if not np.all(np.isfinite(lengths) & (lengths > 1e-12)):
        raise ValueError(
            "the embedding network gave a vector without a direction; check its file with 'models'"
        )
    return np.asarray(vectors / lengths, dtype=np.float32)

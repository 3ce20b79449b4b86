"""An engine that is a Python function: for tests, here and in programs built on this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from engines.arrays import F32, Batch
from engines.backends.base import EngineInfo, TensorSpec
from engines.backends.engine_base import EngineBase

FAKE = EngineInfo(backend="fake", device="none", precision="fp32", reason="asked for by name")


class FakeEngine(EngineBase):
    """Keeps an engine's whole contract around a function from inputs to outputs."""

    def __init__(
        self,
        function: Callable[[Mapping[str, Batch]], Mapping[str, F32]],
        inputs: tuple[TensorSpec, ...],
        outputs: tuple[TensorSpec, ...],
        name: str = "fake",
    ) -> None:
        super().__init__(name, inputs, outputs, FAKE)
        self._function = function

    def _load(self) -> None:
        """Nothing to load."""

    def _run(self, inputs: Mapping[str, Batch]) -> dict[str, F32]:
        results = self._function(inputs)
        return {spec.name: np.array(results[spec.name], dtype=np.float32) for spec in self.outputs}

    def _unload(self) -> None:
        """Nothing to drop."""


def fake_embedder(side_px: int = 160, dimension: int = 512) -> FakeEngine:
    """An embedder that knows people by the mean colour of their crop, to 8 levels a channel.

    Crops (N, S, S, 3) uint8 get vectors (N, D) of unit length: a seeded direction for
    each colour, at a distance of about 2 from every other colour's, with a little of the exact means mixed in
    so that two shots of a person differ. A test paints a person in one colour and knows who is found; colours
    of 16 + 32 k are the middles of levels, where a codec's noise does no harm.
    """

    def embed(inputs: Mapping[str, Batch]) -> Mapping[str, F32]:
        means = (inputs["crops"].mean(axis=(1, 2), dtype=np.float64) - 127.5) / 128.0  # (N, 3)
        return {"vectors": np.stack([_direction(row, dimension) for row in means]).astype(np.float32)}

    inputs = (TensorSpec("crops", ("n", side_px, side_px, 3), "uint8"),)
    return FakeEngine(embed, inputs, (TensorSpec("vectors", ("n", dimension)),), name="fake-embedder")


def _direction(means: np.ndarray[tuple[int, ...], np.dtype[np.float64]], dimension: int) -> F32:
    place = (means + 1.0) * 4.0  # 0..8
    levels = np.clip(np.floor(place), 0, 7).astype(np.int64)
    seed = int(levels[0] * 64 + levels[1] * 8 + levels[2])
    vector = np.random.default_rng(seed).standard_normal(dimension)
    vector /= np.linalg.norm(vector)
    vector[:3] += 0.1 * (place - levels - 0.5)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)

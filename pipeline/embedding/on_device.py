"""Embedding crops that are on the GPU: they are gathered there, and only vectors come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.backends.cuda.device_array import DeviceArray
from pipeline.arrays import F32
from pipeline.device.engine import DeviceEngine
from pipeline.device.lane import Lane
from pipeline.device.pixels import DeviceCrops
from pipeline.device.shared import SharedGpu
from pipeline.embedding.embedder import Embedder
from pipeline.gallery.int8_grid import Kept
from pipeline.pixels import Pixels


@dataclass(frozen=True, slots=True)
class Crop:
    """One crop of several."""

    crops: Pixels
    """(n, S, S, 3)"""
    row: int


class DeviceEmbedder(Embedder):
    """An embedder that also takes crops where they are. Not for two threads at once."""

    def __init__(
        self,
        engine: DeviceEngine,
        gpu: SharedGpu,
        model_id: str,
        max_batch: int,
        centre: F32 | None = None,
        kept: Kept = "float32",
    ) -> None:
        """As `Embedder`; `gpu` is the engine's."""
        super().__init__(engine, model_id, max_batch, centre, kept)
        self._on_device = engine
        self._gpu = gpu
        self._lane = Lane(gpu.driver)

    def embed_pixels(self, crops: Sequence[Pixels]) -> F32:
        """Vectors (N, D) of unit length of all crops (n, S, S, 3), one after the other. Raises BackendError."""
        total = sum(each.shape[0] for each in crops)
        vectors = np.empty((total, self.dimension), np.float32)
        places = [Crop(each, row) for each in crops for row in range(each.shape[0])]
        for start in range(0, total, self._max_batch):
            part = places[start : start + self._max_batch]
            vectors[start : start + len(part)] = self._run(part)
        return self._finished(vectors)

    def close(self) -> None:
        """Give back what the embedder itself holds on the GPU; the engine is its opener's."""
        with self._gpu.driver.current():
            self._lane.close()

    def _run(self, crops: Sequence[Crop]) -> F32:
        """Raw vectors (n, D) of at most a batch."""
        gpu, spec = self._gpu, self._engine.inputs[0]
        shape = (len(crops), *crops[0].crops.shape[1:])
        with gpu.driver.current(), self._lane.settled():
            size = int(np.prod(shape[1:]))
            lease = gpu.pool.take(len(crops) * size)
            for at, crop in enumerate(crops):
                self._gather(crop, lease.pointer + at * size, size)
            given = DeviceArray(lease.pointer, shape, "uint8", lease, self._lane.mark())
            (vectors,) = self._on_device.infer_device({spec.name: given}).values()
        return vectors

    def _gather(self, crop: Crop, target: int, size: int) -> None:
        """Bring a crop to its place in the batch."""
        if not isinstance(crop.crops, DeviceCrops):
            self._gpu.bus.up(crop.crops.to_host()[crop.row], target)
            return
        batch, row = crop.crops.batch, int(crop.crops.rows[crop.row])
        self._gpu.driver.copy_on_device(target, batch.array.pointer + row * size, size, self._lane.stream)

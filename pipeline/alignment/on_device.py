"""Cutting crops on the GPU: the frames are there already, and all faces of a batch are one launch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.backends.cuda.device_array import DeviceArray
from engines.backends.cuda.kernels.plain import places
from pipeline.alignment.crop import CropRule
from pipeline.device.lane import Lane
from pipeline.device.pixels import CropBatch, DeviceCrops
from pipeline.device.shared import SharedGpu
from pipeline.pixels import Crops, HostPixels, Pixels
from pipeline.types import Faces


@dataclass(frozen=True, slots=True)
class FrameFaces:
    """A frame, and the faces to cut out of it."""

    pixels: Pixels
    """(H, W, 3)"""
    faces: Faces


class DeviceCut:
    """`CropRule` on the GPU: the same crops, byte for byte, which stay there. Not for two threads at once."""

    def __init__(self, rule: CropRule, gpu: SharedGpu) -> None:
        self._rule = rule
        self._gpu = gpu
        self._lane = Lane(gpu.driver)

    def __call__(self, pixels: Pixels, faces: Faces) -> Crops:
        """Crops (N, S, S, 3) of a frame's faces. Raises BackendError."""
        return self.together([FrameFaces(pixels, faces)])[0]

    def together(self, frames: Sequence[FrameFaces]) -> list[Crops]:
        """Crops (N, S, S, 3) of each frame's faces, cut in one launch. Raises BackendError.

        The frames' copies on the device are let go: nobody needs them after this.
        """
        counts = [len(frame.faces) for frame in frames]
        if not sum(counts):
            return [self._none() for _ in frames]
        batch = self._cut(frames, sum(counts))
        for frame in frames:
            self._gpu.frames.forget(frame.pixels)
        ends = np.cumsum(counts).tolist()
        return [
            DeviceCrops(batch, np.arange(end - count, end)) if count else self._none()
            for count, end in zip(counts, ends, strict=True)
        ]

    def close(self) -> None:
        """Give back what the cut itself holds on the GPU; a second call does nothing."""
        with self._gpu.driver.current():
            self._lane.close()

    def _cut(self, frames: Sequence[FrameFaces], count: int) -> CropBatch:
        gpu, side = self._gpu, self._rule.size_px
        with gpu.driver.current(), self._lane.settled():
            # Held until the stream is done, so that no frame's memory is used again before.
            surfaces = [gpu.frames.surface(frame.pixels) for frame in frames if len(frame.faces)]
            found = [frame.faces for frame in frames if len(frame.faces)]
            rows = [
                surface.row(place)
                for surface, faces in zip(surfaces, found, strict=True)
                for place in places(self._rule.boxes(faces), surface.width, surface.height).tolist()
            ]
            lease = gpu.pool.take(count * side * side * 3)
            table = self._lane.tables.put(rows, self._lane.stream)
            gpu.kernels.crops(table, count, lease.pointer, side, self._lane.stream)
            self._lane.synchronise()
            del surfaces
        return CropBatch(
            DeviceArray(lease.pointer, (count, side, side, 3), "uint8", lease), gpu.driver, gpu.bus
        )

    def _none(self) -> Crops:
        return HostPixels(np.zeros((0, self._rule.size_px, self._rule.size_px, 3), np.uint8))

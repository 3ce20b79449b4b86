"""CenterFace on a GPU: frames are scaled there, and only the cells that may be faces come back."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from engines.backends.cuda.device_array import DeviceArray
from engines.backends.cuda.driver import Stream
from engines.backends.cuda.kernels.launch import (
    CandidatesAt,
    InputAt,
    Letterboxed,
    MapsAt,
    read_candidates,
)
from engines.backends.cuda.kernels.plain import NUMBERS, Candidates
from engines.backends.cuda.surface import Surface
from pipeline.detection.centerface import Maps, decode_look, map_names
from pipeline.detection.look import Look
from pipeline.device.engine import DeviceEngine, LeavesOutputs
from pipeline.device.lane import Lane
from pipeline.device.shared import SharedGpu
from pipeline.types import Faces

CAPACITY = 1024
"""cells of a frame that come back; a face lights up a few to a few dozen. Where there are more, the maps come whole"""


class DeviceDetector:
    """CenterFace whose frames are on the GPU: a `FrameDetector`. Not for two threads at once.

    Finds what `CenterFace` finds with the same engine: the input has the same bytes, the maps the same cells.
    """

    name = "centerface"

    def __init__(
        self, engine: DeviceEngine, gpu: SharedGpu, low_score: float, max_iou: float, max_batch: int = 32
    ) -> None:
        """
        Args:
            engine: CenterFace, opened and closed by the caller.
            gpu: the engine's.
            low_score: of a cell, from which it is a candidate.
            max_iou: of two faces, over which the weaker one is dropped.
            max_batch: frames a run; fewer where the engine takes fewer of a size.
        """
        self._engine = engine
        self._gpu = gpu
        self._low_score = low_score
        self._max_iou = max_iou
        self._max_batch = max_batch
        self._lane = Lane(gpu.driver)
        self.overflows = 0
        """frames with more than CAPACITY candidates so far"""

    def look(self, looks: Sequence[Look]) -> list[Faces]:
        """See `FrameDetector`. Raises BackendError."""
        groups: dict[tuple[int, int], list[int]] = {}
        for row, each in enumerate(looks):
            groups.setdefault(each.input_shape, []).append(row)
        found: dict[int, Faces] = {}
        with self._gpu.driver.current(), self._lane.settled():
            for shape, rows in groups.items():
                most = self._most(shape)
                for start in range(0, len(rows), most):
                    part = rows[start : start + most]
                    maps = self._run([looks[row] for row in part])
                    for row, one in zip(part, maps, strict=True):
                        found[row] = decode_look(one, looks[row], self._low_score, self._max_iou)
        return [found[row] for row in range(len(looks))]

    def close(self) -> None:
        """Give back what the detector itself holds on the GPU; the engine is its opener's."""
        with self._gpu.driver.current():
            self._lane.close()

    def _most(self, shape: tuple[int, int]) -> int:
        """Frames of this (height, width) in one run."""
        if not isinstance(self._engine, LeavesOutputs):
            return self._max_batch
        return min(self._max_batch, self._engine.most_rows((*shape, 3)))

    def _run(self, looks: Sequence[Look]) -> list[Maps]:
        """Maps of looks whose input has one shape; where candidates came back, they hold these and nothing else."""
        # Held until the stream is done, so that no frame's memory is used again before.
        surfaces = [self._gpu.frames.surface(look.pixels) for look in looks]
        inputs = {self._engine.inputs[0].name: self._input(looks, surfaces)}
        if isinstance(self._engine, LeavesOutputs):
            outputs = self._engine.run_device(inputs)
            stream = self._engine.stream
            assert stream is not None  # it runs
            maps = self._candidates([outputs[name] for name in map_names(self._engine)], stream)
        else:
            arrays = self._engine.infer_device(inputs)
            heat, scale, offset, points = (arrays[name] for name in map_names(self._engine))
            maps = [Maps(heat[row, 0], scale[row], offset[row], points[row]) for row in range(len(looks))]
        del surfaces
        return maps

    def _input(self, looks: Sequence[Look], surfaces: Sequence[Surface]) -> DeviceArray:
        """The network's input (n, h, w, 3), begun."""
        height, width = looks[0].input_shape
        shape = (len(looks), height, width, 3)
        lease = self._gpu.pool.take(prod(shape))
        stream = self._lane.stream
        if any(look.patches for look in looks):
            self._gpu.driver.fill(lease.pointer, 0, prod(shape), stream)
        places = [
            place
            for slot, (look, surface) in enumerate(zip(looks, surfaces, strict=True))
            for place in placed(look, surface, slot)
        ]
        table = self._lane.tables.put([place.row for place in places], stream)
        self._gpu.kernels.letterbox(table, places, InputAt(lease.pointer, width, height), stream)
        return DeviceArray(lease.pointer, shape, "uint8", lease, self._lane.mark())

    def _candidates(self, outputs: Sequence[DeviceArray], stream: Stream) -> list[Maps]:
        """Of outputs that `stream` makes: heat map, scale, offset, landmarks, each (n, channels, h, w)."""
        count, _, height, width = outputs[0].shape
        size = CandidatesAt.size_bytes(count, CAPACITY)
        kept = self._gpu.pool.take(size)
        at = CandidatesAt.in_bytes(kept.pointer, count, CAPACITY)
        heat, scale, offset, points = (each.pointer for each in outputs)
        maps = MapsAt(heat, scale, offset, points, count, height * width)
        self._gpu.kernels.candidates(maps, at, self._low_score, stream)
        self._gpu.driver.synchronise(stream)
        said = self._gpu.bus.down(kept.pointer, (size,))
        found = read_candidates(said, count, CAPACITY)
        self.overflows += sum(each is None for each in found)
        return [
            self._whole(outputs, row) if each is None else scattered(each, height, width)
            for row, each in enumerate(found)
        ]

    def _whole(self, outputs: Sequence[DeviceArray], row: int) -> Maps:
        """One frame's maps as the network gave them."""
        heat, scale, offset, points = (
            self._gpu.bus.down(each.pointer + row * each.row_bytes, (each.row_bytes,))
            .view(np.float32)
            .reshape(each.shape[1:])
            for each in outputs
        )
        return Maps(heat[0], scale, offset, points)


def placed(look: Look, surface: Surface, slot: int) -> list[Letterboxed]:
    """Where the frame of a look, or its patches, lie in the input's picture `slot`."""
    scaled = (look.placement.width, look.placement.height)
    if look.patches:
        return [
            Letterboxed(surface, *scaled, each.x, each.y, each.width, each.height, each.to_x, each.to_y, slot)
            for each in look.patches
        ]
    # The whole picture of the input, so that what is beyond the frame is written black.
    height, width = look.input_shape
    return [Letterboxed(surface, *scaled, 0, 0, width, height, 0, 0, slot)]


def scattered(found: Candidates, height: int, width: int) -> Maps:
    """Maps (h, w) with these cells, 0 elsewhere: what `decode` makes of them is what it makes of all."""
    # Fresh zeros are pages that nobody has touched: only the candidates' become real.
    maps = np.zeros((NUMBERS, height * width), np.float32)
    maps[:, found.cells] = found.numbers.T
    heat, scale, offset, points = np.split(maps.reshape(NUMBERS, height, width), [1, 3, 5])
    return Maps(heat[0], scale, offset, points)

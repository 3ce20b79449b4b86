"""Rows of the kernels: milliseconds a call on the GPU, beside the same work on one core."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks._gpu_here import Here, noise
from benchmarks._gpu_rows import Row, Table, median_s
from engines.backends.cuda.kernels import plain
from engines.backends.cuda.kernels.launch import CandidatesAt, InputAt, MapsAt
from pipeline.alignment.crop import CropRule, cut
from pipeline.detection.letterbox import letterbox, place
from pipeline.detection.look import Look
from pipeline.detection.on_device import CAPACITY, placed
from pipeline.device.lane import Lane
from pipeline.device.shared import SharedGpu
from pipeline.pixels import HostPixels

FRAMES, FRAME = 8, (720, 1280)
FACES = 64
MAPS = (136, 240)
"""of an input of 544 x 960"""


@contextmanager
def _lane(here: Here) -> Iterator[tuple[SharedGpu, Lane]]:
    with here.shared() as gpu, gpu.driver.current():
        lane = Lane(gpu.driver)
        yield gpu, lane
        lane.close()


def kernel_rows(table: Table, here: Here) -> None:
    """Letterbox of a batch, all crops of a batch, and the candidates of a batch's maps."""
    rows: tuple[tuple[str, Callable[[Here, SharedGpu, Lane], Pair]], ...] = (
        (f"letterbox, {FRAMES} frames of 1280x720 to 960x540", _letterbox),
        (f"crops, {FACES} faces out of {FRAMES} frames", _crops),
        (f"candidates, {FRAMES} frames' maps of {MAPS[1]}x{MAPS[0]}", _candidates),
    )
    for what, measured in rows:
        table.measure("kernels", what, "ms", partial(_beside, measured, here, what))


@dataclass(frozen=True, slots=True)
class Pair:
    """The same work twice."""

    gpu_s: float
    other_s: float
    other: str


def _beside(measured: Callable[[Here, SharedGpu, Lane], Pair], here: Here, what: str) -> Sequence[Row]:
    with _lane(here) as (gpu, lane):
        pair = measured(here, gpu, lane)  # what it held on the GPU is let go when it returns
    against = f"{pair.other}: {pair.other_s * 1e3:.3g} ms"
    return [Row("kernels", what, "ms", pair.gpu_s * 1e3, against, pair.other_s / pair.gpu_s)]


def _letterbox(here: Here, gpu: SharedGpu, lane: Lane) -> Pair:
    images = [noise(*FRAME, 3) for _ in range(FRAMES)]
    placements = [place(FRAME[1], FRAME[0], 960, 32)] * FRAMES
    height, width = placements[0].input_shape
    looks = [Look(HostPixels(image), each) for image, each in zip(images, placements, strict=True)]
    surfaces = [gpu.frames.surface(look.pixels) for look in looks]
    parts = [
        part
        for slot, (look, surface) in enumerate(zip(looks, surfaces, strict=True))
        for part in placed(look, surface, slot)
    ]
    target = gpu.pool.take(FRAMES * height * width * 3)

    def run() -> None:
        table = lane.tables.put([part.row for part in parts], lane.stream)
        gpu.kernels.letterbox(table, parts, InputAt(target.pointer, width, height), lane.stream)
        lane.synchronise()

    gpu_s = median_s(run, here.runs)
    return Pair(gpu_s, median_s(lambda: letterbox(images, placements), here.runs), "OpenCV")


def _crops(here: Here, gpu: SharedGpu, lane: Lane) -> Pair:
    images = [noise(*FRAME, 3) for _ in range(FRAMES)]
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 500, (FACES, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + rng.uniform(60, 200, (FACES, 2)).astype(np.float32)], 1)
    side = CropRule(160, 0.0, 0.0).size_px
    surfaces = [gpu.frames.surface(HostPixels(image)) for image in images]
    where = plain.places(boxes, FRAME[1], FRAME[0]).tolist()
    rows = [surfaces[at % FRAMES].row(each) for at, each in enumerate(where)]
    target = gpu.pool.take(FACES * side * side * 3)

    def run() -> None:
        table = lane.tables.put(rows, lane.stream)
        gpu.kernels.crops(table, FACES, target.pointer, side, lane.stream)
        lane.synchronise()

    gpu_s = median_s(run, here.runs)
    parts = [(image, boxes[at::FRAMES]) for at, image in enumerate(images)]
    return Pair(gpu_s, median_s(lambda: [cut(*part, side) for part in parts], here.runs), "OpenCV")


def _candidates(here: Here, gpu: SharedGpu, lane: Lane) -> Pair:
    heat = np.random.default_rng(0).random((FRAMES, *MAPS), np.float32)
    cells, low_score = MAPS[0] * MAPS[1], 0.99
    maps = np.concatenate([heat.reshape(-1), np.zeros(FRAMES * cells * 14, np.float32)])
    source, size = gpu.pool.take(maps.nbytes), CandidatesAt.size_bytes(FRAMES, CAPACITY)
    gpu.bus.up(maps.view(np.uint8), source.pointer)
    kept = gpu.pool.take(size)
    starts = [source.pointer + 4 * FRAMES * cells * before for before in (0, 1, 3, 5)]
    at = MapsAt(starts[0], starts[1], starts[2], starts[3], FRAMES, cells)

    def run() -> None:
        gpu.kernels.candidates(
            at, CandidatesAt.in_bytes(kept.pointer, FRAMES, CAPACITY), low_score, lane.stream
        )
        lane.synchronise()
        gpu.bus.down(kept.pointer, (size,))

    gpu_s = median_s(run, here.runs)
    whole_s = median_s(lambda: gpu.bus.down(source.pointer, (maps.nbytes,)), here.runs)
    return Pair(gpu_s, whole_s, "the maps brought whole")

"""What an input shape costs that a network has not had before, and one it has had."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from benchmarks._engines_contestants import OpenvinoNetwork, random_images
from pipeline.arrays import U8

SHAPES = ((384, 640), (544, 960), (256, 256), (192, 192), (224, 352), (320, 320))
"""height and width: two cameras, and regions of different sizes"""
STEADY_RUNS = 5


@dataclass(frozen=True, slots=True)
class ShapeRow:
    """One frame of a shape; all times are processor time."""

    bench: str
    network: str
    width: int
    height: int
    first_ms: float
    """its first run, which compiles kernels"""
    return_ms: float
    """its first run after another shape"""
    steady_ms: float
    """the runs after that, median"""
    memory_mb: float
    """that the process grew by in the first run"""


def new_shapes(network: OpenvinoNetwork) -> Iterator[ShapeRow]:
    """Rows of the shapes, each after the one before it."""
    process = psutil.Process()
    firsts: list[tuple[float, float]] = []
    with network.engine(streams=1) as engine:
        (spec,) = engine.inputs

        def run(images: U8) -> object:
            return engine.infer({spec.name: images})

        for height, width in SHAPES:
            gc.collect()
            before = process.memory_info().rss
            first_ms = _cpu_ms(run, random_images(1, height, width))
            firsts.append((first_ms, (process.memory_info().rss - before) / 2**20))
        for (height, width), (first_ms, memory_mb) in zip(SHAPES, firsts, strict=True):
            images = random_images(1, height, width)
            return_ms = _cpu_ms(run, images)
            steady_ms = statistics.median(_cpu_ms(run, images) for _ in range(STEADY_RUNS))
            label = f"{network.name} {network.precision}"
            values = (round(value, 1) for value in (first_ms, return_ms, steady_ms, memory_mb))
            yield ShapeRow("engines new shape", label, width, height, *values)


def _cpu_ms(run: Callable[[U8], object], images: U8) -> float:
    began_s = time.process_time()
    run(images)
    return 1e3 * (time.process_time() - began_s)

"""Timing what runs a network, in turn with its alternatives."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline.arrays import U8

WARM_UPS = 2
"""runs before any is timed: the first of a shape compiles kernels, the second finds its memory"""


@dataclass(frozen=True, slots=True)
class Contestant:
    """Something that runs a network."""

    name: str
    run: Callable[[U8], object]
    """a batch of images (n, h, w, 3)"""
    one_by_one: bool = False
    """whether it is given one image at a time, whatever the batch; then one of them stands for all"""


@dataclass(slots=True)
class Timings:
    """Of one contestant, a value a round; milliseconds a row."""

    name: str
    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    """processor time of all threads: hardly different when others use the machine too"""

    def ratio(self, other: Timings) -> float:
        """How many times as fast as the other: the median over the rounds."""
        return _ratio(self.wall_ms, other.wall_ms)

    def cpu_ratio(self, other: Timings) -> float:
        """How many times less processor time than the other: the median over the rounds."""
        return _ratio(self.cpu_ms, other.cpu_ms)


def race(contestants: Sequence[Contestant], images: U8, rounds: int) -> list[Timings]:
    """Time every contestant on this batch, in turn, every second round the other way around."""
    batches = [images[:1] if each.one_by_one else images for each in contestants]
    for contestant, batch in zip(contestants, batches, strict=True):
        for _ in range(WARM_UPS):
            contestant.run(batch)
    timings = [Timings(each.name) for each in contestants]
    order = list(range(len(contestants)))
    for _ in range(rounds):
        for at in order:
            wall_s, cpu_s = _timed(contestants[at].run, batches[at])
            timings[at].wall_ms.append(1e3 * wall_s / len(batches[at]))
            timings[at].cpu_ms.append(1e3 * cpu_s / len(batches[at]))
        order.reverse()
    return timings


def _timed(run: Callable[[U8], object], batch: U8) -> tuple[float, float]:
    """Wall and processor seconds of one run."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    run(batch)
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


def _ratio(mine: Sequence[float], theirs: Sequence[float]) -> float:
    return round(statistics.median(b / a for a, b in zip(mine, theirs, strict=True)), 2)

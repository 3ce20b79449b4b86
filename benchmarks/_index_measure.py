"""Recall, time and memory of one way to search, beside another in the same minutes."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks._gallery_vectors import DrawnGallery
from benchmarks._index_contestants import Contestant
from engines.arrays import F32, F64, I64, Bools

FPIR = 0.01
"""share of the non-mated probes that may be named"""
PROBES_AT_ONCE = 25
"""of one contestant before the other's turn: short enough that both meet the same neighbours on the machine"""


@dataclass(frozen=True, slots=True)
class Task:
    """Probes, and the template nearest to each."""

    probes: F32
    """(Q, D)"""
    mated: Bools
    """(Q,) whether the gallery has somebody's other photos"""
    nearest: I64
    """(Q,) row of the nearest template"""
    distances: F32
    """(Q,) squared L2 to it"""
    people: I64
    """(Q,) whose photo it is; -1 for those who are not in the gallery"""
    each: int
    """templates a person: row r is of person r // each"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a contestant found."""

    rows: I64
    """(Q,)"""
    seconds: F64
    """(R, Q) of each search, in each round"""
    distances: float | None
    """computed a probe, where somebody counts"""

    def at(self, share: float) -> float:
        """This quantile of a search's milliseconds, the median of the rounds."""
        return 1e3 * float(np.median(np.quantile(self.seconds, share, axis=1)))


@dataclass(frozen=True, slots=True)
class Built:
    """What filling cost."""

    seconds: float
    bytes: int
    """of memory that the process has more than before"""


def make_task(gallery: DrawnGallery, count: int) -> Task:
    """As many mated as non-mated probes, and the truth, a block of the gallery at a time."""
    people, mated = gallery.mated(count)
    probes = np.concatenate((mated, gallery.non_mated(count)))
    best = np.full(len(probes), -np.inf, np.float32)
    nearest = np.full(len(probes), -1, np.int64)
    start = 0
    for block in gallery.blocks():
        products = probes @ block.T
        rows = products.argmax(axis=1)
        values = products[np.arange(len(probes)), rows]
        nearest = np.where(values > best, start + rows, nearest)
        best = np.maximum(values, best)
        start += len(block)
    people = np.concatenate((people, np.full(count, -1, np.int64)))
    return Task(probes, people >= 0, nearest, 2.0 - 2.0 * best, people, gallery.each)


def recall(task: Task, answers: Answers) -> tuple[float, float]:
    """Share of the mated and of the non-mated probes whose nearest template was found."""
    right = answers.rows == task.nearest
    return float(right[task.mated].mean()), float(right[~task.mated].mean())


def fnir(task: Task, rows: I64, distances: F32) -> float:
    """Share of the mated probes that are not named, or wrongly, where 1 % of the others are named.

    Args:
        rows: (Q,) templates found.
        distances: (Q,) squared L2 to them.
    """
    below = np.quantile(distances[~task.mated], FPIR)
    named = (distances < below) & (rows // task.each == task.people)
    return 1.0 - float(named[task.mated].mean())


def fill(contestant: Contestant, blocks: Iterable[F32], size: int) -> Built:
    """Have it take in the gallery."""
    gc.collect()
    before, began = _resident(), time.perf_counter()
    contestant.fill(blocks, size)
    seconds = time.perf_counter() - began
    gc.collect()
    return Built(seconds, max(_resident() - before, 0))


def duel(one: Contestant, other: Contestant, task: Task, rounds: int) -> tuple[Answers, Answers]:
    """Both search for everybody, some probes at a time in turn."""
    count = len(task.probes)
    order = np.random.default_rng(0).permutation(count)
    seconds = {0: np.empty((rounds, count)), 1: np.empty((rounds, count))}
    rows = {0: np.empty(count, np.int64), 1: np.empty(count, np.int64)}
    spent = [one.spent(), other.spent()]
    for place in range(rounds):
        for start in range(0, count, PROBES_AT_ONCE):
            for side, contestant in enumerate((one, other)):
                for probe in order[start : start + PROBES_AT_ONCE].tolist():
                    began = time.perf_counter()
                    rows[side][probe] = contestant.search(task.probes[probe])
                    seconds[side][place, probe] = time.perf_counter() - began
    each = [
        _per_probe(side, before, rounds * count) for side, before in zip((one, other), spent, strict=True)
    ]
    return Answers(rows[0], seconds[0], each[0]), Answers(rows[1], seconds[1], each[1])


def found(contestant: Contestant, task: Task) -> Answers:
    """It searches for everybody once."""
    rows, seconds = np.empty(len(task.probes), np.int64), np.empty((1, len(task.probes)))
    before = contestant.spent()
    for place, probe in enumerate(task.probes):
        began = time.perf_counter()
        rows[place] = contestant.search(probe)
        seconds[0, place] = time.perf_counter() - began
    return Answers(rows, seconds, _per_probe(contestant, before, len(task.probes)))


def _per_probe(contestant: Contestant, before: int | None, searches: int) -> float | None:
    after = contestant.spent()
    return None if after is None or before is None else (after - before) / searches


def _resident() -> int:
    """Bytes of memory that this process holds."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def folder_bytes(folder: Path) -> int:
    """Of all files in it."""
    return sum(file.stat().st_size for file in folder.iterdir())

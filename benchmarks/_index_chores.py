"""What an index does beside searching: enrolling, forgetting, saving, loading, and searching among some."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import numpy as np

from benchmarks._gallery_vectors import DrawnGallery, Spectrum
from benchmarks._index_measure import folder_bytes
from engines.arrays import F32, I64
from pipeline.gallery.indexes.hnsw import HnswIndex

ENROLLED = 5000
AT_ONCE = 50
FORGOTTEN = 500
SELECTIONS = (0.001, 0.01, 0.03, 0.1, 0.5)


@dataclass(frozen=True, slots=True)
class Chore:
    """One line of the table."""

    chore: str
    templates: int
    """of the gallery it was done to"""
    value: float
    unit: str
    against: str = ""
    ratio: float | None = None
    """times as good as that"""


def chores(spectrum: Spectrum, size: int) -> Iterator[Chore]:
    """All of them, on our HNSW index with so many templates."""
    gallery = DrawnGallery(spectrum, size // 4)
    size = len(gallery)
    index = HnswIndex(spectrum.dimension)
    index.add(np.arange(size, dtype=np.int64), gallery.templates())
    index.settle()
    _, probes = gallery.mated(100)
    guests = DrawnGallery(spectrum, ENROLLED, 1, seed=2).templates()
    yield from _selections(index, probes, size)
    yield from _kept(index, size)
    yield from _beside(index, probes, guests, size)


def _beside(index: HnswIndex, probes: F32, guests: F32, size: int) -> Iterator[Chore]:
    """Enrolling and forgetting, with another thread searching all the time."""
    labels = np.arange(size, size + len(guests), dtype=np.int64)
    quiet = _searching(index, probes, lambda: time.sleep(3.0))

    def enrol() -> None:
        for start in range(0, len(labels), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            index.add(labels[part], guests[part])

    def forget() -> None:
        index.remove(labels[:FORGOTTEN])
        index.settle()

    added = _searching(index, probes, enrol)
    linked = _searching(index, probes, index.settle)
    yield Chore("ready vectors enrolled", size, len(labels) / added.seconds, "a second")
    yield Chore("and linked", size, len(labels) / (added.seconds + linked.seconds), "a second")
    forgotten = _searching(index, probes, forget)
    yield Chore("templates forgotten", size, FORGOTTEN / forgotten.seconds, "a second")
    for name, beside in (("enrolling", added), ("linking", linked), ("forgetting", forgotten)):
        for share, called in ((0.5, "median"), (1.0, "longest")):
            value, alone = (1e3 * float(np.quantile(run.searches, share)) for run in (beside, quiet))
            yield Chore(f"{called} search beside {name}", size, value, "ms", "alone", alone / value)


def _kept(index: HnswIndex, size: int) -> Iterator[Chore]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        index.save(folder)
        yield Chore("saved", size, time.perf_counter() - began, "s")
        yield Chore(
            "on disk", size, folder_bytes(folder) / (4 * size * index.dimension), "of the raw vectors"
        )
        began = time.perf_counter()
        HnswIndex.load(folder)
        yield Chore("loaded", size, time.perf_counter() - began, "s")


def _selections(index: HnswIndex, probes: F32, size: int) -> Iterator[Chore]:
    every = _median(lambda probe: index.search(probe, 1), probes)
    for share in SELECTIONS:
        picked = np.random.default_rng(1).choice(size, max(1, int(share * size)), replace=False)
        named: I64 = np.sort(picked).astype(np.int64)

        def search(probe: F32, named: I64 = named) -> object:
            return index.search(probe, 1, among=named)

        value = _median(search, probes)
        yield Chore(f"search among {len(named):,}", size, value, "ms", "among all", every / value)


def _median(search: Callable[[F32], object], probes: F32) -> float:
    """Milliseconds of a search."""
    times = []
    for probe in probes:
        began = time.perf_counter()
        search(probe[None])
        times.append(time.perf_counter() - began)
    return 1e3 * float(np.median(times))


@dataclass(frozen=True, slots=True)
class Beside:
    """How long some work took, and each search that was made meanwhile."""

    seconds: float
    searches: list[float]
    """seconds each"""


def _searching(index: HnswIndex, probes: F32, work: Callable[[], None]) -> Beside:
    done = Event()
    searches: list[float] = []

    def search() -> None:
        while not done.is_set():
            probe = probes[len(searches) % len(probes)]
            began = time.perf_counter()
            index.search(probe[None], 1)
            searches.append(time.perf_counter() - began)
            done.wait(0.005)  # as a camera's next face, not a loop that lets nobody else in

    thread = Thread(target=search)
    thread.start()
    began = time.perf_counter()
    work()
    seconds = time.perf_counter() - began
    done.set()
    thread.join()
    return Beside(seconds, searches)

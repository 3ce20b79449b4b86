"""What a run has done so far: counts, drops, busy time and latency, for summaries and for Prometheus."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pipeline.arrays import I64
from pipeline.geometry import EDGES_PX, FaceSizes, shorter_sides
from pipeline.runtime.measuring.reservoir import Recent, Reservoir
from pipeline.runtime.measuring.timings import info_of
from pipeline.runtime.worker import WorkerHook
from pipeline.types import Detected, Embedded, FrameInfo, Matched, StreamEnd

EXACT_LATENCIES = 100_000
"""frames whose latencies are kept: an hour of 25 fps, 800 kB; quantiles beyond are of a sample of this size"""
RECENT_S = 60.0
"""what is called lately: long enough for a p99 of few frames, short enough to see what was changed"""
RECENT_LATENCIES = 20_000
"""of them at most: a minute of sixteen cameras at twenty looks a second, 320 kB"""


class Queue(Protocol):
    """What metrics want to know of a channel or fan-in."""

    name: str

    @property
    def high_water(self) -> int:
        """Most items ever held."""
        ...

    def __len__(self) -> int: ...

    def dropped(self) -> Mapping[str, int]:
        """Items dropped so far, by camera."""
        ...


@dataclass(frozen=True, slots=True)
class Drops:
    """Items that one queue dropped of one camera."""

    camera: str
    queue: str
    count: int


@dataclass(frozen=True, slots=True)
class QueueLevel:
    """How full a queue is."""

    queue: str
    items: int
    high_water: int


@dataclass(frozen=True, slots=True)
class StageTotals:
    """What one stage has done."""

    stage: str
    batches: int
    items: int
    busy_s: float
    """seconds inside `process`"""


@dataclass(frozen=True, slots=True)
class CameraCounted:
    """What the stages have done for one camera."""

    camera: str
    frames: int
    """that the detection stage let through, looked at or not"""
    looked: int
    sizes: FaceSizes
    """of all faces that the detector found, also those too small to be followed"""
    sizes_sum_px: float
    """of their shorter sides"""
    embeddings: int

    @property
    def faces(self) -> int:
        """Found by the detector."""
        return self.sizes.total


@dataclass(frozen=True, slots=True)
class MetricsSummary:
    """A run so far."""

    seconds: float
    """from the first frame decoded to the last batch of any stage; models were loaded before"""
    frames: int
    """that the detection stage let through, looked at or not"""
    frames_looked: int
    faces: int
    """found, in frames looked at"""
    embeddings: int
    drops: tuple[Drops, ...]
    stages: tuple[StageTotals, ...]
    """in the order of their first batch"""
    queues: tuple[QueueLevel, ...]
    latency_p50_ms: float | None
    """from a frame's decoding to the end of the stage that takes `Matched`; None before the first, and of a run
    without end"""
    latency_p99_ms: float | None
    recent_p50_ms: float | None = None
    """over the last RECENT_S, to the end of a frame's way; None where there was none"""
    recent_p99_ms: float | None = None
    cameras: tuple[CameraCounted, ...] = ()
    """by name; live, those that are there"""

    @property
    def fps(self) -> float:
        """Frames a second, all cameras together."""
        return self.frames / self.seconds if self.seconds > 0.0 else 0.0


class _Stage:
    def __init__(self) -> None:
        self.batches = 0
        self.items = 0
        self.busy_s = 0.0


class _Camera:
    def __init__(self) -> None:
        self.frames = 0
        self.looked = 0
        self.embeddings = 0
        self.sizes: I64 = np.zeros(len(EDGES_PX) + 1, np.int64)
        self.sizes_sum_px = 0.0

    def counted(self, name: str) -> CameraCounted:
        sizes = FaceSizes(tuple(self.sizes.tolist()))
        return CameraCounted(name, self.frames, self.looked, sizes, self.sizes_sum_px, self.embeddings)


class Metrics(WorkerHook):
    """Counts what passes the workers it is a hook of. Safe to read from any thread."""

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns, last: str | None = None) -> None:
        """`clock_ns` is the clock that `FrameInfo.captured_ns` was read from.

        `last` is the worker that a frame's way ends with, in a run without end: latency is measured there, and a
        camera whose end has gone through it is forgotten. None, in a replay: latency goes to the end of the stage that
        takes `Matched`, because events wait for other recordings behind it, and every camera is remembered.
        """
        self._queues: tuple[Queue, ...] = ()
        self._clock_ns = clock_ns
        self._last = last
        self._lock = threading.Lock()
        self._stages: dict[str, _Stage] = {}
        self._cameras: dict[str, _Camera] = {}
        self._latencies_ms = Reservoir(EXACT_LATENCIES)
        self._recent_ms = Recent(RECENT_S, RECENT_LATENCIES)
        self._first_ns: int | None = None
        self._last_ns = 0
        self._frames = 0
        self._looked = 0
        self._faces = 0
        self._embeddings = 0

    def watch(self, *queues: Queue) -> None:
        """Report these queues too; a supervisor's are its `fan_in` and `channels`."""
        self._queues += queues

    def after_batch(self, worker: str, batch: Sequence[Any], results: Sequence[Any], seconds: float) -> None:
        now_ns = self._clock_ns()
        done = [info for item in batch if (info := self._done(worker, item)) is not None]
        with self._lock:
            stage = self._stages.setdefault(worker, _Stage())
            stage.batches += 1
            stage.items += len(batch)
            stage.busy_s += seconds
            self._last_ns = max(self._last_ns, now_ns)
            for result in results:
                self._count(result)
            for info in done:
                latency_ms = (now_ns - info.captured_ns) / 1e6
                self._recent_ms.add(latency_ms, now_ns / 1e9)
                if self._last is None:
                    self._latencies_ms.add(latency_ms)

    def after_end(self, worker: str, end: StreamEnd) -> None:
        if worker == self._last and not end.pause:
            with self._lock:
                self._cameras.pop(end.camera, None)

    def summary(self) -> MetricsSummary:
        """Everything so far, at one moment."""
        drops = tuple(
            Drops(camera, queue.name, count)
            for queue in self._queues
            for camera, count in sorted(queue.dropped().items())
        )
        levels = tuple(QueueLevel(queue.name, len(queue), queue.high_water) for queue in self._queues)
        now_s = self._clock_ns() / 1e9
        with self._lock:
            return MetricsSummary(
                seconds=0.0 if self._first_ns is None else (self._last_ns - self._first_ns) / 1e9,
                frames=self._frames,
                frames_looked=self._looked,
                faces=self._faces,
                embeddings=self._embeddings,
                drops=drops,
                stages=tuple(
                    StageTotals(name, stage.batches, stage.items, stage.busy_s)
                    for name, stage in self._stages.items()
                ),
                queues=levels,
                latency_p50_ms=self._latencies_ms.quantile(0.5),
                latency_p99_ms=self._latencies_ms.quantile(0.99),
                recent_p50_ms=self._recent_ms.quantile(0.5, now_s),
                recent_p99_ms=self._recent_ms.quantile(0.99, now_s),
                cameras=tuple(camera.counted(name) for name, camera in sorted(self._cameras.items())),
            )

    def _done(self, worker: str, item: object) -> FrameInfo | None:
        """The frame whose way ends with this item; None where it goes on."""
        if self._last is None:
            return item.info if isinstance(item, Matched) else None
        return info_of(item) if worker == self._last else None

    def _count(self, result: object) -> None:
        match result:
            case Detected():
                info = result.frame.info
                captured_ns = info.captured_ns
                self._first_ns = captured_ns if self._first_ns is None else min(self._first_ns, captured_ns)
                self._frames += 1
                self._looked += result.looked
                self._faces += len(result.faces)
                camera = self._cameras.setdefault(info.camera, _Camera())
                camera.frames += 1
                camera.looked += result.looked
                if len(result.faces):
                    sides_px = shorter_sides(result.faces.boxes)
                    np.add.at(camera.sizes, np.searchsorted(EDGES_PX, sides_px, side="right"), 1)
                    camera.sizes_sum_px += float(sides_px.sum())
            case Embedded():
                self._embeddings += len(result.vectors)
                if len(result.vectors):
                    camera = self._cameras.setdefault(result.aligned.info.camera, _Camera())
                    camera.embeddings += len(result.vectors)

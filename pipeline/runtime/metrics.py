"""What a run has done so far: counts, drops, busy time and latency, for summaries and for Prometheus."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.runtime.reservoir import Reservoir
from pipeline.runtime.worker import WorkerHook
from pipeline.types import Detected, Embedded, Matched

EXACT_LATENCIES = 100_000
"""frames whose latencies are kept: an hour of 25 fps, 800 kB; quantiles beyond are of a sample of this size"""


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
    """from a frame's decoding to the end of the stage that takes `Matched`; None before the first"""
    latency_p99_ms: float | None

    @property
    def fps(self) -> float:
        """Frames a second, all cameras together."""
        return self.frames / self.seconds if self.seconds > 0.0 else 0.0


class _Stage:
    def __init__(self) -> None:
        self.batches = 0
        self.items = 0
        self.busy_s = 0.0


class Metrics(WorkerHook):
    """Counts what passes the workers it is a hook of. Safe to read from any thread."""

    def __init__(self, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """`clock_ns` is the clock that `FrameInfo.captured_ns` was read from."""
        self._queues: tuple[Queue, ...] = ()
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._stages: dict[str, _Stage] = {}
        self._latencies_ms = Reservoir(EXACT_LATENCIES)
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
        with self._lock:
            stage = self._stages.setdefault(worker, _Stage())
            stage.batches += 1
            stage.items += len(batch)
            stage.busy_s += seconds
            self._last_ns = max(self._last_ns, now_ns)
            for result in results:
                self._count(result)
            for item in batch:
                if isinstance(item, Matched):
                    self._latencies_ms.add((now_ns - item.info.captured_ns) / 1e6)

    def summary(self) -> MetricsSummary:
        """Everything so far, at one moment."""
        drops = tuple(
            Drops(camera, queue.name, count)
            for queue in self._queues
            for camera, count in sorted(queue.dropped().items())
        )
        levels = tuple(QueueLevel(queue.name, len(queue), queue.high_water) for queue in self._queues)
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
            )

    def _count(self, result: object) -> None:
        match result:
            case Detected():
                captured_ns = result.frame.info.captured_ns
                self._first_ns = captured_ns if self._first_ns is None else min(self._first_ns, captured_ns)
                self._frames += 1
                self._looked += result.looked
                self._faces += len(result.faces)
            case Embedded():
                self._embeddings += len(result.vectors)

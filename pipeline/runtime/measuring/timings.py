"""Where the time from capture to event went: for each live frame while it is under way, and for all in histograms."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.runtime.worker import WorkerHook
from pipeline.types import Detected, Embedded, FrameInfo, Tracked

MOST_FRAMES = 4096
"""under way at once; live queues are short, so that more are lost ones, of stages that were restarted"""
MOST_RECENT = 10_000
"""waits kept until somebody takes them, the newest"""
BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""upper ends of a histogram's buckets: a match takes a millisecond, and ten seconds are a breakdown"""


@dataclass(frozen=True, slots=True)
class HistogramValues:
    """A histogram as Prometheus has them."""

    bounds_s: tuple[float, ...]
    """upper ends of the buckets, included; a last bucket takes what is longer"""
    counts: tuple[int, ...]
    """of each bucket alone, one more than bounds"""
    sum_s: float

    @property
    def count(self) -> int:
        """Of all buckets."""
        return sum(self.counts)


class Histogram:
    """Counts durations. Not thread-safe: its owner holds the lock."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_S) + 1)
        self._sum_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(BOUNDS_S, seconds)] += 1
        self._sum_s += seconds

    def values(self) -> HistogramValues:
        """As it is now."""
        return HistogramValues(BOUNDS_S, tuple(self._counts), self._sum_s)


@dataclass(frozen=True, slots=True)
class StageLatency:
    """How long the batches of a stage took."""

    stage: str
    values: HistogramValues


@dataclass(frozen=True, slots=True)
class LatencyValues:
    """All histograms at one moment."""

    stages: tuple[StageLatency, ...]
    """in the order of their first batch"""
    queue: HistogramValues
    """a frame's time in all queues together"""
    total: HistogramValues
    """a frame's time from its decoding until its events are published"""


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """How long a frame took so far, in milliseconds."""

    queue: float
    """in all queues together"""
    detect: float
    """of the detector's batch that it was in"""
    embed: float
    """of the embedder's batch that it was in"""
    match: float
    """of the batch of searches that it was in"""
    total: float
    """since it was decoded"""


class _Underway:
    """A frame between its decoding and its end."""

    __slots__ = ("spent_s", "stages_s")

    def __init__(self) -> None:
        self.spent_s = 0.0
        """in all stages so far"""
        self.stages_s: dict[str, float] = {}


class Timings(WorkerHook):
    """Knows for each live frame how long it waited and how long each stage took. Safe on any thread."""

    def __init__(self, last: str, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """`last` is the worker that publishes; `clock_ns` the clock that `FrameInfo.captured_ns` is read from."""
        self._last = last
        self._clock_ns = clock_ns
        self._lock = threading.Lock()
        self._underway: OrderedDict[tuple[str, int], _Underway] = OrderedDict()
        self._stages: dict[str, Histogram] = {}
        self._queue = Histogram()
        self._total = Histogram()
        self._recent_ms: deque[float] = deque(maxlen=MOST_RECENT)

    def after_batch(self, worker: str, batch: Sequence[Any], results: Sequence[Any], seconds: float) -> None:
        now_ns = self._clock_ns()
        infos = [info for item in batch if (info := info_of(item)) is not None]
        with self._lock:
            self._stages.setdefault(worker, Histogram()).add(seconds)
            for info in infos:
                self._pass(worker, info, seconds, now_ns)

    @property
    def underway(self) -> int:
        """Frames between detection and the last stage, lost ones among them."""
        with self._lock:
            return len(self._underway)

    def of(self, info: FrameInfo) -> FrameTimes:
        """How long this frame took until now; asked by a stage that it is in."""
        total_s = (self._clock_ns() - info.captured_ns) / 1e9
        with self._lock:
            frame = self._underway.get((info.camera, info.index)) or _Underway()
            return FrameTimes(
                queue=max(0.0, total_s - frame.spent_s) * 1e3,
                detect=frame.stages_s.get("detect", 0.0) * 1e3,
                embed=frame.stages_s.get("embed", 0.0) * 1e3,
                match=frame.stages_s.get("match", 0.0) * 1e3,
                total=total_s * 1e3,
            )

    def latencies(self) -> LatencyValues:
        """All histograms now."""
        with self._lock:
            stages = tuple(StageLatency(name, each.values()) for name, each in self._stages.items())
            return LatencyValues(stages, self._queue.values(), self._total.values())

    def take_waits_ms(self) -> list[float]:
        """In all queues, of the frames done with since the last call."""
        with self._lock:
            recent = list(self._recent_ms)
            self._recent_ms.clear()
            return recent

    def _pass(self, worker: str, info: FrameInfo, seconds: float, now_ns: int) -> None:
        key = (info.camera, info.index)
        frame = self._underway.get(key)
        if frame is None:
            if worker == self._last:
                return  # of a camera that ended: its last frame was done with before
            frame = self._underway[key] = _Underway()
            if len(self._underway) > MOST_FRAMES:
                self._underway.popitem(last=False)
        frame.spent_s += seconds
        frame.stages_s[worker] = seconds
        if worker == self._last:
            del self._underway[key]
            total_s = (now_ns - info.captured_ns) / 1e9
            self._total.add(total_s)
            waited_s = max(0.0, total_s - frame.spent_s)
            self._queue.add(waited_s)
            self._recent_ms.append(waited_s * 1e3)


def info_of(item: object) -> FrameInfo | None:
    """The frame that anything which flows between stages belongs to; None of what belongs to none."""
    match item:
        case Detected(frame=inner) | Tracked(frame=inner) | Embedded(aligned=inner):
            return inner.info
    info = getattr(item, "info", None)
    return info if isinstance(info, FrameInfo) else None

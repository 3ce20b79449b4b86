"""A live run of so many seconds, and what is counted in it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil

from benchmarks._live_cameras import MeasuredCamera
from config.schema import Config
from pipeline.assemble.pace import Pace, Queues
from pipeline.assemble.recognition import Recognition
from pipeline.assemble.run import RunPlan, build_paced_run
from pipeline.events.event import Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.events.stage import Outcome
from pipeline.matching.stage import Search
from pipeline.runtime.measuring.tally import CameraCounts
from pipeline.runtime.worker import FrameSource, WorkerHook
from pipeline.types import Detected


@dataclass(frozen=True, slots=True)
class Bench:
    """What all contestants work with."""

    config: Config
    recognition: Recognition
    gallery: Search


@dataclass(frozen=True, slots=True)
class Latencies:
    """Milliseconds from a frame's decoding."""

    p50: float | None
    p99: float | None
    most: float | None

    @staticmethod
    def of(values_ms: Sequence[float]) -> Latencies:
        """Of these; None where there are none."""
        if not values_ms:
            return Latencies(None, None, None)
        p50, p99 = np.quantile(values_ms, [0.5, 0.99])
        return Latencies(round(float(p50), 1), round(float(p99), 1), round(max(values_ms), 1))


@dataclass(frozen=True, slots=True)
class Counted:
    """What a run did with the frames of all cameras."""

    decoded: int
    skipped: int
    dropped: Mapping[str, int]
    """by place"""
    lost: int
    looked: int

    @property
    def exact(self) -> bool:
        """Whether no frame is unaccounted for."""
        return self.decoded == self.skipped + sum(self.dropped.values()) + self.lost + self.looked


@dataclass(frozen=True, slots=True)
class Measured:
    """A run."""

    counted: Counted
    """over the whole run"""
    looks_hz: Mapping[str, float]
    """by camera, once warm"""
    decided: Latencies
    """to the end of the last stage, of all frames looked at once warm"""
    told: Latencies
    """the same, of frames that led to an event"""
    from_start: Latencies
    """as `decided`, the warm-up included"""
    high_water: Mapping[str, int]
    busy: Mapping[str, float]
    """share of the time that a stage was inside `process`"""
    cpu: float
    """cores used by the process"""
    others_cpu: float
    """cores used by the machine's other programs meanwhile: with more than a little, the row is not worth much"""
    late_s: float
    """how far a decoder fell behind its camera, at most"""


@dataclass(frozen=True, slots=True)
class _Decided:
    """A frame that was done with."""

    camera: str
    at_s: float
    """since the run began"""
    latency_ms: float
    told: bool
    """it led to an event"""


class _Watch(WorkerHook):
    """Keeps each frame's latency, and the looks a camera, with the time of both."""

    def __init__(self) -> None:
        self.began_s = time.monotonic()
        self.looks: list[tuple[str, float]] = []
        self.decided: list[_Decided] = []
        self._lock = threading.Lock()
        self._done: set[tuple[str, int]] = set()

    def after_batch(self, worker: str, batch: Sequence[Any], results: Sequence[Any], seconds: float) -> None:
        now_s = time.monotonic()
        with self._lock:
            for item in results:
                if isinstance(item, Detected) and item.looked:
                    self.looks.append((item.frame.info.camera, now_s - self.began_s))
            for item in batch:
                if isinstance(item, Outcome) and (key := (item.camera, item.info.index)) not in self._done:
                    self._done.add(key)
                    latency_ms = now_s * 1e3 - item.info.captured_ns / 1e6
                    at_s = now_s - self.began_s
                    self.decided.append(_Decided(item.camera, at_s, latency_ms, bool(item.events)))


def run_live(
    bench: Bench,
    cameras: Sequence[MeasuredCamera],
    queues: Queues,
    pace: Pace,
    warm_s: float,
    others: Sequence[FrameSource] = (),
) -> Measured:
    """Run these cameras until all have gone off; what happens before `warm_s` is not in the rates.

    `others` run beside them and are counted, but not measured.
    """
    watch = _Watch()
    sources: list[FrameSource] = [*cameras, *others]
    plan = RunPlan(
        Mode.LIVE, {each.camera: "bench" for each in sources}, False, [MemorySink()], hooks=(watch,)
    )
    run = build_paced_run(bench.config, bench.recognition, bench.gallery, plan, queues, pace)
    with run.supervisor as supervisor:
        supervisor.start(sources)
        watch.began_s, cpu_s, machine_s = time.monotonic(), time.process_time(), machine_busy_s()
        for camera in cameras:
            camera.ended.wait()
        seconds, cpu_s = time.monotonic() - watch.began_s, time.process_time() - cpu_s
        machine_s = machine_busy_s() - machine_s
        supervisor.drain()
        supervisor.wait()
    summary = run.metrics.summary()
    measured = {camera.camera for camera in cameras}
    warm = [each for each in watch.decided if each.at_s >= warm_s and each.camera in measured]
    looks = Counter(camera for camera, at_s in watch.looks if at_s >= warm_s)
    return Measured(
        counted=_counted(supervisor.counts(), len(watch.looks)),
        looks_hz={camera: round(looks[camera] / (seconds - warm_s), 2) for camera in sorted(measured)},
        decided=Latencies.of([each.latency_ms for each in warm]),
        told=Latencies.of([each.latency_ms for each in warm if each.told]),
        from_start=Latencies.of([each.latency_ms for each in watch.decided]),
        high_water={level.queue: level.high_water for level in summary.queues},
        busy={stage.stage: round(stage.busy_s / seconds, 2) for stage in summary.stages},
        cpu=round(cpu_s / seconds, 2),
        others_cpu=round(max(0.0, machine_s - cpu_s) / seconds, 2),
        late_s=round(max(camera.late_s for camera in cameras), 3),
    )


def machine_busy_s() -> float:
    """Processor seconds used by all programs since the machine was started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0))


def _counted(counts: Sequence[CameraCounts], looked: int) -> Counted:
    dropped: Counter[str] = Counter()
    for camera in counts:
        for drops in camera.dropped:
            dropped[drops.queue] += drops.count
    return Counted(
        decoded=sum(camera.decoded for camera in counts),
        skipped=sum(camera.skipped for camera in counts),
        dropped=dict(dropped),
        lost=sum(loss.frames for camera in counts for loss in camera.lost),
        looked=looked,
    )

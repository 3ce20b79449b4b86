"""Metrics as Prometheus reads them, in a registry of their own (docs/metrics.md)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from pipeline.runtime.measuring.camera_families import camera_families
from pipeline.runtime.measuring.families import counter, gauge, info
from pipeline.runtime.measuring.metrics import Metrics, MetricsSummary
from pipeline.runtime.measuring.outside_families import outside_families
from pipeline.runtime.measuring.readings import MonitorReadings
from pipeline.runtime.measuring.stage_families import stage_families

THREADS = "/proc/self/task"
"""a folder a thread, native ones too"""


class MetricsCollector(Collector):
    """Turns a run's metrics into Prometheus's families each time they are scraped."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        summary = self._metrics.summary()
        yield counter(
            "facestream_frames", "Frames that came through detection, looked at or not", summary.frames
        )
        yield counter("facestream_frames_looked", "Frames that the detector ran on", summary.frames_looked)
        yield counter("facestream_faces", "Faces that the detector found", summary.faces)
        yield counter("facestream_embeddings", "Crops that were embedded", summary.embeddings)
        yield from _drops_and_queues(summary)
        yield from _stages(summary)
        for name, value_ms in (("p50", summary.recent_p50_ms), ("p99", summary.recent_p99_ms)):
            if value_ms is not None:
                said = f"Latency from a frame's decoding, {name} of the last minute"
                yield gauge(f"facestream_latency_{name}_seconds", said, value_ms / 1e3)


class MonitorCollector(Collector):
    """The same for all that a monitor reads off its parts."""

    def __init__(self, metrics: Metrics, read: Callable[[], MonitorReadings]) -> None:
        self._metrics = metrics
        self._read = read

    def collect(self) -> Iterator[Metric]:
        readings = self._read()
        yield info("facestream_build", "The version that runs", version=readings.version)
        yield gauge(
            "facestream_ready", "1 once models and gallery are loaded and cameras watched", readings.ready
        )
        yield gauge("facestream_threads", "Threads of the process", threads())
        yield from camera_families(self._metrics.summary().cameras, readings)
        yield from stage_families(readings)
        yield from outside_families(readings)


def registry_of(metrics: Metrics, read: Callable[[], MonitorReadings] | None = None) -> CollectorRegistry:
    """A registry with this run's metrics and nothing else; with `read`, those of a monitor and of its process too.

    `read` is called at each scrape, on the thread that scrapes.
    """
    registry = CollectorRegistry()
    registry.register(MetricsCollector(metrics))
    if read is not None:
        registry.register(MonitorCollector(metrics, read))
        ProcessCollector(registry=registry)
    return registry


def threads() -> int:
    """Threads of this process, native ones too; 0 where the system does not tell."""
    return len(os.listdir(THREADS)) if os.path.isdir(THREADS) else 0


def _drops_and_queues(summary: MetricsSummary) -> Iterator[Metric]:
    drops = CounterMetricFamily(
        "facestream_camera_frames_dropped", "Frames that full queues dropped", labels=["camera", "queue"]
    )
    for drop in summary.drops:
        drops.add_metric([drop.camera, drop.queue], drop.count)
    yield drops
    items = GaugeMetricFamily("facestream_queue_items", "Items that wait", labels=["queue"])
    high = GaugeMetricFamily("facestream_queue_high_water", "Most items that ever waited", labels=["queue"])
    for level in summary.queues:
        items.add_metric([level.queue], level.items)
        high.add_metric([level.queue], level.high_water)
    yield items
    yield high


def _stages(summary: MetricsSummary) -> Iterator[Metric]:
    batches = SummaryMetricFamily("facestream_batch_items", "Items of a batch", labels=["stage"])
    busy = CounterMetricFamily("facestream_stage_busy_seconds", "Time that a stage worked", labels=["stage"])
    for stage in summary.stages:
        batches.add_metric([stage.stage], count_value=stage.batches, sum_value=stage.items)
        busy.add_metric([stage.stage], stage.busy_s)
    yield batches
    yield busy

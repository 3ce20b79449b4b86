"""Metrics as Prometheus reads them, in a registry of their own."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from pipeline.runtime.metrics import Metrics, MetricsSummary


class MetricsCollector(Collector):
    """Turns a run's metrics into Prometheus's families each time they are scraped."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        summary = self._metrics.summary()
        yield CounterMetricFamily("facestream_frames", "Frames through detection", value=summary.frames)
        yield CounterMetricFamily(
            "facestream_frames_looked", "Frames the detector ran on", value=summary.frames_looked
        )
        yield CounterMetricFamily("facestream_faces", "Faces found", value=summary.faces)
        yield CounterMetricFamily("facestream_embeddings", "Crops embedded", value=summary.embeddings)
        yield from _drops_and_queues(summary)
        yield from _stages(summary)
        for name, value in (("p50", summary.latency_p50_ms), ("p99", summary.latency_p99_ms)):
            if value is not None:
                yield GaugeMetricFamily(
                    f"facestream_latency_{name}_seconds", "Frame decoded to decided", value=value / 1e3
                )


def registry_of(metrics: Metrics) -> CollectorRegistry:
    """A registry with this run's metrics and nothing else."""
    registry = CollectorRegistry()
    registry.register(MetricsCollector(metrics))
    return registry


def _drops_and_queues(summary: MetricsSummary) -> Iterator[Metric]:
    drops = CounterMetricFamily("facestream_drops", "Items dropped", labels=["camera", "queue"])
    for drop in summary.drops:
        drops.add_metric([drop.camera, drop.queue], drop.count)
    yield drops
    items = GaugeMetricFamily("facestream_queue_items", "Items waiting", labels=["queue"])
    high = GaugeMetricFamily("facestream_queue_high_water", "Most items ever waiting", labels=["queue"])
    for level in summary.queues:
        items.add_metric([level.queue], level.items)
        high.add_metric([level.queue], level.high_water)
    yield items
    yield high


def _stages(summary: MetricsSummary) -> Iterator[Metric]:
    batches = SummaryMetricFamily("facestream_batch_items", "Items a batch", labels=["stage"])
    busy = CounterMetricFamily("facestream_stage_busy_seconds", "Seconds inside process", labels=["stage"])
    for stage in summary.stages:
        batches.add_metric([stage.stage], count_value=stage.batches, sum_value=stage.items)
        busy.add_metric([stage.stage], stage.busy_s)
    yield batches
    yield busy

"""What Prometheus is told of the stages, and of the time from a camera to an event."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from pipeline.runtime.measuring.families import add_histogram, gauge
from pipeline.runtime.measuring.readings import MonitorReadings
from pipeline.runtime.measuring.timings import HistogramValues, LatencyValues


def stage_families(readings: MonitorReadings) -> Iterator[Metric]:
    """Failures, restarts, histograms of times, and how the work is shared out."""
    failures = CounterMetricFamily("facestream_stage_failures", "Errors out of a stage", labels=["stage"])
    restarts = CounterMetricFamily(
        "facestream_stage_restarts", "Times that a stage was opened again", labels=["stage"]
    )
    for one in readings.failures:
        failures.add_metric([one.stage], one.failures)
        restarts.add_metric([one.stage], one.restarts)
    yield failures
    yield restarts
    if readings.latencies is not None:
        yield from _times(readings.latencies)
    if readings.load is not None:
        yield gauge(
            "facestream_looks_budget_hertz",
            "Looks a second that all cameras together may have",
            readings.load.budget_hz,
        )


def _times(latencies: LatencyValues) -> Iterator[Metric]:
    stages = HistogramMetricFamily("facestream_stage_seconds", "Time of a stage's batch", labels=["stage"])
    for one in latencies.stages:
        _add(stages, [one.stage], one.values)
    yield stages
    queue = HistogramMetricFamily(
        "facestream_queue_wait_seconds", "A frame's time in all queues together", labels=[]
    )
    _add(queue, [], latencies.queue)
    yield queue
    total = HistogramMetricFamily(
        "facestream_latency_seconds", "From a frame's decoding until its events are published", labels=[]
    )
    _add(total, [], latencies.total)
    yield total


def _add(family: HistogramMetricFamily, labels: list[str], values: HistogramValues) -> None:
    add_histogram(family, labels, values.bounds_s, values.counts, values.sum_s)

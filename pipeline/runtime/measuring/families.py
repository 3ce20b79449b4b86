"""Prometheus families in a line each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)


def counter(name: str, said: str, value: float) -> CounterMetricFamily:
    """One that only grows; its name gets `_total`."""
    return CounterMetricFamily(name, said, value=value)


def gauge(name: str, said: str, value: float) -> GaugeMetricFamily:
    """One that goes up and down; a truth is 1 or 0."""
    return GaugeMetricFamily(name, said, value=float(value))


def info(name: str, said: str, **labels: str) -> InfoMetricFamily:
    """Words, as labels of a 1; its name gets `_info`."""
    return InfoMetricFamily(name, said, value=labels)


def by_camera(name: str, said: str, values: Iterable[tuple[str, float]]) -> CounterMetricFamily:
    """Counters, one a camera."""
    family = CounterMetricFamily(name, said, labels=["camera"])
    for camera, value in values:
        family.add_metric([camera], value)
    return family


def levels_by_camera(name: str, said: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    """Gauges, one a camera."""
    family = GaugeMetricFamily(name, said, labels=["camera"])
    for camera, value in values:
        family.add_metric([camera], value)
    return family


def add_histogram(
    family: HistogramMetricFamily,
    labels: Sequence[str],
    bounds: Sequence[float],
    counts: Sequence[int],
    total: float,
) -> None:
    """Add one histogram to a family.

    Args:
        bounds: (B,) upper ends of the buckets.
        counts: (B + 1,) of each bucket alone; Prometheus wants all up to its end.
        total: sum of all values.
    """
    buckets, seen = [], 0
    for bound, count in zip((*map(str, bounds), "+Inf"), counts, strict=True):
        seen += count
        buckets.append((bound, seen))
    family.add_metric(list(labels), buckets=buckets, sum_value=total)

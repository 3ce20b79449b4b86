"""What Prometheus is told of what is around the pipeline: Redis, the spool, the gallery, the engines, pictures."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, InfoMetricFamily, Metric

from pipeline.runtime.measuring.families import counter, gauge
from pipeline.runtime.measuring.readings import GalleryReading, MonitorReadings, SpoolReading


def outside_families(readings: MonitorReadings) -> Iterator[Metric]:
    """Those of the parts that there are."""
    if readings.spool is not None:
        yield from _spool(readings.spool)
    if readings.gallery is not None:
        yield from _gallery(readings.gallery)
    engines = InfoMetricFamily(
        "facestream_engine",
        "What runs a network",
        labels=["role"],
    )
    for one in readings.engines:
        engines.add_metric(
            [one.role],
            {"model": one.model, "backend": one.backend, "device": one.device, "precision": one.precision},
        )
    yield engines
    if readings.snapshots_dropped is not None:
        yield counter(
            "facestream_snapshots_dropped", "Pictures that were not written", readings.snapshots_dropped
        )


def _spool(spool: SpoolReading) -> Iterator[Metric]:
    yield gauge("facestream_redis_connected", "1 while Redis takes events", spool.connected)
    yield gauge("facestream_spool_waiting_events", "Events that Redis has not confirmed", spool.waiting)
    yield gauge(
        "facestream_spool_oldest_age_seconds",
        "Age of the first event that waits, 0 where none does",
        spool.oldest_age_s or 0.0,
    )
    yield gauge("facestream_spool_size_bytes", "Of the spool on disk", spool.bytes)
    yield gauge("facestream_spool_flush_lag_seconds", "From publishing to the disk", spool.flush_lag_s)
    yield counter("facestream_events_published", "Events that Redis confirmed", spool.published)
    dropped = CounterMetricFamily(
        "facestream_events_dropped", "Events that subscribers will not get", labels=["reason"]
    )
    for one in spool.dropped:
        dropped.add_metric([one.reason], one.events)
    yield dropped


def _gallery(gallery: GalleryReading) -> Iterator[Metric]:
    yield gauge("facestream_gallery_people", "People who are searched", gallery.people)
    yield gauge("facestream_gallery_version", "Number of the last change that answers show", gallery.version)
    yield gauge(
        "facestream_gallery_max_distance",
        "Squared L2 distance below which names are given",
        gallery.max_distance,
    )
    yield gauge(
        "facestream_gallery_left_behind_people",
        "People whom an older embedder alone knows: a face is embedded twice meanwhile",
        gallery.left_behind,
    )
    yield gauge("facestream_gallery_followed", "1 while changes of the gallery show", gallery.followed)
    if gallery.follow_age_s is not None:
        yield gauge(
            "facestream_gallery_follow_age_seconds",
            "Since the gallery was last seen to be up to date",
            gallery.follow_age_s,
        )

"""What Prometheus reads: the rules of its naming, bounded labels, and the page that explains each metric."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from pipeline.runtime.buffer import Overflow
from pipeline.runtime.channel import Channel
from pipeline.runtime.measuring.exposition import registry_of
from pipeline.runtime.measuring.metrics import Metrics
from pipeline.runtime.measuring.readings import MonitorReadings
from pipeline.types import Frame
from tests.runtime.measuring.test_metrics import TickingNs, detected, matched
from tests.runtime.readings import READINGS
from tests.runtime.streams import frame

PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"
LABELS = {
    "camera",
    "queue",
    "stage",
    "state",
    "outcome",
    "reason",
    "role",
    "model",
    "backend",
    "device",
    "precision",
    "version",
    "le",
}
"""what a metric may be told apart by: names of cameras, which the operator gives, and a few words of ours"""
NOT_BASE_UNITS = (
    "milliseconds",
    "ms",
    "minutes",
    "hours",
    "days",
    "percent",
    "kilobytes",
    "megabytes",
    "mb",
    "bits",
)
"""promtool check metrics: https://prometheus.io/docs/practices/naming/"""
TYPES = ("counter", "gauge", "histogram", "summary", "untyped")


def ran() -> Metrics:
    """A run that has counted something of everything."""
    metrics = Metrics(TickingNs(), last="publish")
    queue: Channel[Frame] = Channel(1, Overflow.DROP_OLDEST, "frames")
    metrics.watch(queue)
    queue.put(frame("door", 0))
    queue.put(frame("door", 1))
    looks = [detected("door", 0, 30.0, 50.0)]
    metrics.after_batch("detect", looks, looks, 0.5)
    metrics.after_batch("publish", [matched(frame("door", 0).info)], [], 0.5)
    return metrics


def exposed(readings: MonitorReadings | None = READINGS) -> str:
    registry = registry_of(ran(), None if readings is None else lambda: readings)
    return generate_latest(registry).decode()


@pytest.fixture(scope="module")
def families() -> list[Metric]:
    return list(text_string_to_metric_families(exposed()))


def test_numbers_come_out_where_they_belong() -> None:
    lines = exposed().splitlines()
    for line in (
        'facestream_camera_frames_decoded_total{camera="door"} 100.0',
        'facestream_camera_frames_skipped_total{camera="door"} 60.0',
        'facestream_camera_frames_dropped_total{camera="door",queue="frames"} 1.0',
        'facestream_camera_frames_lost_total{camera="door",stage="embed"} 1.0',
        'facestream_camera_frames_done_total{camera="door"} 35.0',
        'facestream_camera_face_size_pixels_bucket{camera="door",le="40.0"} 1.0',
        'facestream_camera_face_size_pixels_sum{camera="door"} 80.0',
        'facestream_camera_state{camera="door",state="streaming"} 1.0',
        'facestream_camera_state{camera="yard",state="streaming"} 0.0',
        'facestream_camera_last_frame_age_seconds{camera="door"} 0.04',
        'facestream_camera_looks_hertz{camera="door"} 4.5',
        'facestream_sightings_total{camera="door",outcome="unnamed"} 5.0',
        'facestream_unnamed_sightings_total{camera="door",reason="blurred"} 2.0',
        'facestream_stage_restarts_total{stage="embed"} 1.0',
        'facestream_stage_seconds_bucket{le="0.0025",stage="detect"} 3.0',
        'facestream_stage_seconds_bucket{le="+Inf",stage="detect"} 3.0',
        "facestream_latency_seconds_count 3.0",
        "facestream_redis_connected 1.0",
        "facestream_spool_waiting_events 4.0",
        'facestream_events_dropped_total{reason="full"} 1.0',
        "facestream_gallery_version 42.0",
        'facestream_build_info{version="0.5.0"} 1.0',
    ):
        assert line in lines
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)
    assert not any(line.startswith("python_info") for line in lines)


def test_cameras_that_have_left_are_not_told_of() -> None:
    assert 'camera=""' not in exposed()


def test_a_run_that_is_no_monitor_tells_what_it_counts() -> None:
    lines = exposed(None).splitlines()
    assert "facestream_frames_total 1.0" in lines
    assert not any(line.startswith(("process_", "facestream_redis", "facestream_build")) for line in lines)


def test_a_monitor_with_nothing_to_read_yet_tells_no_more_than_that() -> None:
    lines = exposed(MonitorReadings("0.5.0", ready=False)).splitlines()
    assert "facestream_ready 0.0" in lines
    assert not any(line.startswith(("facestream_spool", "facestream_gallery")) for line in lines)


def test_names_follow_prometheus_rules(families: list[Metric]) -> None:
    assert list(_lint(families)) == []


def test_labels_are_few_words_and_the_names_of_cameras(families: list[Metric]) -> None:
    ours = [family for family in families if family.name.startswith("facestream")]
    assert {label for family in ours for sample in family.samples for label in sample.labels} <= LABELS


def test_each_metric_is_told_once(families: list[Metric]) -> None:
    names = [family.name for family in families]
    assert len(names) == len(set(names))
    for family in families:
        told = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(told) == len(set(told))


def test_the_page_has_every_metric_and_no_other(families: list[Metric]) -> None:
    there = {family.name for family in families if family.name.startswith("facestream")}
    page = PAGE.read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(facestream_[a-z0-9_]+)`", page, re.MULTILINE))
    exposed_as = {_as_written(family) for family in families if family.name in there}
    assert rows == exposed_as
    known = {sample.name for family in families for sample in family.samples}
    for used in re.findall(r"\b(?:facestream|process)_[a-z0-9_]+\b", page):
        assert used in known | exposed_as, f"docs/metrics.md speaks of {used}, which there is not"


def _as_written(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _lint(families: list[Metric]) -> Iterator[str]:
    """What `promtool check metrics` would say (prometheus/util/promlint), as far as it concerns us."""
    for family in families:
        name = family.name
        words = name.split("_")
        if not family.documentation:
            yield f"{name}: no help text"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            yield f"{name}: not in snake_case"
        if family.type == "counter" and not all(sample.name.endswith("_total") for sample in family.samples):
            yield f"{name}: a counter must end in _total"
        if family.type != "counter" and name.endswith("_total"):
            yield f"{name}: only counters end in _total"
        if family.type not in ("histogram", "summary") and name.endswith(("_count", "_sum", "_bucket")):
            yield f"{name}: ends like a part of a histogram"
        yield from (f"{name}: {unit} is no base unit" for unit in NOT_BASE_UNITS if unit in words)
        yield from (f"{name}: says its type" for word in TYPES if word in words)
        if family.type not in ("histogram",) and any("le" in sample.labels for sample in family.samples):
            yield f"{name}: only histograms have le"
        if any(sample.name.endswith("_info") and sample.value != 1.0 for sample in family.samples):
            yield f"{name}: an info is 1"

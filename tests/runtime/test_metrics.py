"""Counts, latency and drops of a run, and their Prometheus form."""

from __future__ import annotations

import numpy as np
import pytest
from prometheus_client import generate_latest

from pipeline.runtime.buffer import Overflow
from pipeline.runtime.channel import Channel
from pipeline.runtime.exposition import registry_of
from pipeline.runtime.metrics import Drops, Metrics, QueueLevel, StageTotals
from pipeline.types import (
    Aligned,
    Detected,
    Embedded,
    Faces,
    Frame,
    FrameInfo,
    GalleryState,
    HostPixels,
    Matched,
)
from tests.runtime.streams import frame


class TickingNs:
    """Nanoseconds that are set by hand."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def embedded(info: FrameInfo, crops: int) -> Embedded:
    faces = Faces(
        np.zeros((crops, 4), np.float32), np.zeros((crops, 5, 2), np.float32), np.zeros(crops, np.float32)
    )
    rows = np.arange(crops)
    aligned = Aligned(
        info,
        faces,
        rows,
        np.ones(crops, np.bool_),
        np.ones(crops, np.float32),
        rows,
        HostPixels(np.zeros((crops, 4, 4, 3), np.uint8)),
    )
    return Embedded(aligned, np.zeros((crops, 8), np.float32), "fake")


def matched(info: FrameInfo) -> Matched:
    none = np.zeros(0, np.int64)
    return Matched(
        info, Faces.none(), none, none.astype(np.bool_), none.astype(np.float32), (), GalleryState(0, 0.9)
    )


def test_a_run_is_summed_up() -> None:
    clock = TickingNs()
    metrics = Metrics(clock)
    queue: Channel[Frame] = Channel(1, Overflow.DROP_OLDEST, "detect")
    metrics.watch(queue)
    queue.put(frame("a", 0))
    queue.put(frame("a", 1))
    frames = [frame("a", 0), frame("a", 1)]
    found = embedded(frames[0].info, 3)
    clock.now = 500_000_000
    metrics.after_batch(
        "detect",
        frames,
        [Detected(frames[0], found.aligned.faces, True), Detected(frames[1], Faces.none(), False)],
        0.25,
    )
    metrics.after_batch("embed", [found.aligned], [found], 0.5)
    clock.now = 2_000_000_000
    metrics.after_batch("events", [matched(frames[0].info)], [], 0.1)
    metrics.after_batch("events", [matched(frames[1].info)], [], 0.1)
    summary = metrics.summary()
    assert (summary.frames, summary.frames_looked, summary.faces, summary.embeddings) == (2, 1, 3, 3)
    assert (summary.seconds, summary.fps) == (2.0, 1.0)
    assert summary.stages == (
        StageTotals("detect", 1, 2, 0.25),
        StageTotals("embed", 1, 1, 0.5),
        StageTotals("events", 2, 2, 0.2),
    )
    assert summary.drops == (Drops("a", "detect", 1),)
    assert summary.queues == (QueueLevel("detect", 1, 1),)
    assert summary.latency_p50_ms == pytest.approx(2000.0)


def test_latency_quantiles_are_exact_for_a_replay() -> None:
    clock = TickingNs()
    metrics = Metrics(clock)
    for ms in range(1, 101):
        clock.now = ms * 1_000_000
        metrics.after_batch("events", [matched(frame("a", ms).info)], [], 0.0)
    summary = metrics.summary()
    assert summary.latency_p50_ms == pytest.approx(50.5)
    assert summary.latency_p99_ms == pytest.approx(99.01)


def test_nothing_yet() -> None:
    summary = Metrics().summary()
    assert (summary.frames, summary.seconds, summary.fps, summary.latency_p50_ms) == (0, 0.0, 0.0, None)


def test_prometheus_reads_them_from_a_registry_of_their_own() -> None:
    metrics = Metrics(TickingNs())
    queue: Channel[Frame] = Channel(1, Overflow.DROP_OLDEST, "detect")
    metrics.watch(queue)
    queue.put(frame("door", 0))
    queue.put(frame("door", 1))
    metrics.after_batch("events", [matched(frame("door", 0).info)], [], 0.5)
    text = generate_latest(registry_of(metrics)).decode()
    for line in (
        'facestream_drops_total{camera="door",queue="detect"} 1.0',
        'facestream_stage_busy_seconds_total{stage="events"} 0.5',
        'facestream_batch_items_count{stage="events"} 1.0',
        "facestream_frames_total 0.0",
        "facestream_latency_p50_seconds 0.0",
    ):
        assert line in text.splitlines()
    assert "python_info" not in text

"""Counts, latency and drops of a run, and of its cameras."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.pixels import HostPixels
from pipeline.runtime.buffer import Overflow
from pipeline.runtime.channel import Channel
from pipeline.runtime.measuring.metrics import RECENT_S, Drops, Metrics, QueueLevel, StageTotals
from pipeline.types import (
    Aligned,
    Detected,
    Embedded,
    Faces,
    Frame,
    FrameInfo,
    GalleryState,
    Matched,
    StreamEnd,
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


def detected(camera: str, index: int, *sides_px: float) -> Detected:
    """A look at this frame, with a face a side."""
    boxes = np.array([[0.0, 0.0, side, side + 9.0] for side in sides_px], np.float32).reshape(-1, 4)
    n = len(sides_px)
    faces = Faces(boxes, np.zeros((n, 5, 2), np.float32), np.ones(n, np.float32))
    return Detected(frame(camera, index), faces, True)


def test_each_camera_is_counted_with_the_sizes_of_its_faces() -> None:
    metrics = Metrics(TickingNs())
    looks = [detected("b", 0, 10.0, 39.9, 40.0), detected("a", 0), detected("b", 1, 200.0)]
    metrics.after_batch("detect", looks, looks, 0.1)
    metrics.after_batch("embed", [], [embedded(frame("b", 0).info, 2)], 0.1)
    a, b = metrics.summary().cameras
    assert (a.camera, a.frames, a.looked, a.faces, a.embeddings) == ("a", 1, 1, 0, 0)
    assert (b.camera, b.frames, b.looked, b.faces, b.embeddings) == ("b", 2, 2, 4, 2)
    assert b.sizes.counts == (1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1)
    assert b.sizes_sum_px == pytest.approx(289.9, abs=1e-3)
    assert metrics.summary().faces == 4


def test_a_camera_that_left_is_forgotten_and_one_that_is_away_is_not() -> None:
    metrics = Metrics(TickingNs(), last="publish")
    looks = [detected("a", 0), detected("b", 0)]
    metrics.after_batch("detect", looks, looks, 0.1)
    metrics.after_end("detect", StreamEnd("a", 1))
    metrics.after_end("publish", StreamEnd("b", 1, pause=True))
    assert [one.camera for one in metrics.summary().cameras] == ["a", "b"]
    metrics.after_end("publish", StreamEnd("a", 1))
    assert [one.camera for one in metrics.summary().cameras] == ["b"]
    assert metrics.summary().frames == 2


def test_latency_of_the_last_minute_beside_that_of_the_run() -> None:
    clock = TickingNs()
    metrics = Metrics(clock)
    info = frame("a", 0).info
    clock.now = 9_000_000_000
    metrics.after_batch("events", [matched(info)], [], 0.0)
    clock.now += round(1.5 * RECENT_S * 1e9)
    late = replace(info, captured_ns=clock.now - 1_000_000)
    metrics.after_batch("events", [matched(late)], [], 0.0)
    summary = metrics.summary()
    assert (summary.recent_p50_ms, summary.recent_p99_ms) == pytest.approx((1.0, 1.0))
    assert summary.latency_p50_ms == pytest.approx(4500.5)
    clock.now += round(1.5 * RECENT_S * 1e9)
    assert metrics.summary().recent_p99_ms is None
    assert metrics.summary().latency_p50_ms == pytest.approx(4500.5)


def test_a_run_without_end_measures_to_its_last_worker() -> None:
    clock = TickingNs()
    metrics = Metrics(clock, last="publish")
    clock.now = 5_000_000
    metrics.after_batch("decide", [matched(frame("a", 0).info)], [], 0.0)
    assert metrics.summary().recent_p99_ms is None
    metrics.after_batch("publish", [matched(frame("a", 0).info)], [], 0.0)
    assert metrics.summary().recent_p99_ms == pytest.approx(5.0)

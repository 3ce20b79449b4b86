"""Where a frame's time went, and what is left of it in memory."""

from __future__ import annotations

import threading

import pytest

from pipeline.runtime.measuring.timings import BOUNDS_S, MOST_FRAMES, Histogram, Timings
from pipeline.types import Detected, Faces, Frame, FrameInfo, StreamEnd
from tests.runtime.streams import frame, running

MS = 1_000_000


class SetClock:
    """Nanoseconds that are set by hand."""

    def __init__(self) -> None:
        self.ms = 0.0

    def __call__(self) -> int:
        return round(self.ms * MS)


class Published:
    """What comes out at the end, as an Outcome does."""

    def __init__(self, info: FrameInfo) -> None:
        self.info = info


def looked(one: Frame) -> Detected:
    return Detected(one, Faces.none(), True)


def test_waiting_and_each_stage_of_a_frame() -> None:
    clock, one = SetClock(), frame("door", 0)
    timings = Timings("publish", clock)
    clock.ms = 30.0  # decoded at 0, waited 10
    timings.after_batch("detect", [one], [looked(one)], 0.020)
    clock.ms = 36.0  # waited 2
    timings.after_batch("embed", [looked(one)], [], 0.004)
    clock.ms = 40.0  # waited 3
    timings.after_batch("match", [looked(one)], [], 0.001)
    clock.ms = 42.0  # in the next stage
    spent = timings.of(one.info)
    assert (spent.detect, spent.embed, spent.match, spent.total) == pytest.approx((20.0, 4.0, 1.0, 42.0))
    assert spent.queue == pytest.approx(42.0 - 25.0)


def test_a_frame_that_is_not_known_waited_all_the_time() -> None:
    clock = SetClock()
    clock.ms = 7.0
    spent = Timings("publish", clock).of(frame("door", 3).info)
    assert (spent.queue, spent.detect, spent.total) == (7.0, 0.0, 7.0)


def test_done_frames_are_in_the_histograms_and_forgotten() -> None:
    clock = SetClock()
    timings = Timings("publish", clock)
    for index in range(3):
        one = frame("door", index)
        clock.ms = 40.0
        timings.after_batch("detect", [one], [looked(one)], 0.030)
        clock.ms = 60.0
        timings.after_batch("publish", [Published(one.info)], [], 0.010)
    values = timings.latencies()
    assert [(stage.stage, stage.values.count) for stage in values.stages] == [("detect", 3), ("publish", 3)]
    assert (values.total.count, values.queue.count) == (3, 3)
    assert values.total.sum_s == pytest.approx(0.18)
    assert values.queue.sum_s == pytest.approx(0.06)
    assert timings.take_waits_ms() == pytest.approx([20.0] * 3)
    assert timings.take_waits_ms() == []
    assert timings.underway == 0


def test_what_a_camera_was_owed_at_its_end_is_no_late_frame() -> None:
    clock = SetClock()
    timings, one = Timings("publish", clock), frame("door", 0)
    timings.after_batch("detect", [one], [looked(one)], 0.001)
    timings.after_batch("publish", [Published(one.info)], [], 0.001)
    clock.ms = 9_000.0
    timings.after_batch("publish", [Published(one.info)], [], 0.001)
    timings.after_batch("publish", [StreamEnd("door", 1)], [], 0.001)
    assert timings.take_waits_ms() == [0.0]


def test_lost_frames_do_not_stay_for_ever() -> None:
    timings = Timings("publish", SetClock())
    for index in range(MOST_FRAMES + 50):
        timings.after_batch("detect", [frame("door", index)], [], 0.001)
    assert timings.underway == MOST_FRAMES


def test_a_histogram_counts_each_duration_in_its_bucket() -> None:
    histogram = Histogram()
    for seconds in (0.0, BOUNDS_S[0], BOUNDS_S[0] * 1.01, 1e9):
        histogram.add(seconds)
    values = histogram.values()
    assert values.counts[:2] == (2, 1)
    assert values.counts[-1] == 1
    assert values.count == 4
    assert len(values.counts) == len(values.bounds_s) + 1


def test_stages_and_readers_at_once() -> None:
    timings = Timings("publish")
    done = threading.Event()

    def work() -> None:
        for index in range(500):
            one = frame("door", index)
            timings.after_batch("detect", [one], [looked(one)], 0.001)
            timings.after_batch("publish", [Published(one.info)], [], 0.001)
        done.set()

    def read() -> None:
        while not done.is_set():
            timings.latencies()
            timings.of(frame("door", 0).info)

    with running(work, read):
        pass
    assert timings.latencies().total.count == 500

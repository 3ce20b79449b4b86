"""The detection stage: which frames are looked at, and what becomes of the others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrays import U8
from pipeline.detection.rules import CameraRules
from pipeline.detection.stage import DetectionStage, LookSchedule
from pipeline.pixels import LazyPixels
from pipeline.types import Faces, Frame, FrameInfo, StreamEnd

START = datetime(2026, 1, 1, tzinfo=UTC)


class CountingDetector:
    """One face an image, as large as the image; remembers the sizes of its batches."""

    name = "counting"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def detect(self, images: Sequence[U8]) -> list[Faces]:
        self.batches.append(len(images))
        return [
            Faces(
                np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32),
                np.zeros((1, 5, 2), np.float32),
                np.ones(1, np.float32),
            )
            for image in images
        ]


def frame(camera: str, index: int, pts_s: float, width: int = 8, looked_at: list[str] | None = None) -> Frame:
    def pixels() -> U8:
        if looked_at is not None:
            looked_at.append(f"{camera}{index}")
        return np.zeros((6, width, 3), np.uint8)

    info = FrameInfo(camera, index, pts_s, START, width, 6, 0)
    return Frame(info, LazyPixels((6, width, 3), pixels))


@pytest.mark.parametrize(
    ("fps", "rate_hz", "looked"),
    [
        (Fraction(30), 10.0, [0, 3, 6, 9]),
        (Fraction(30000, 1001), 10.0, [0, 3, 6, 9]),
        (Fraction(25), 10.0, [0, 3, 5, 8, 10]),
        (Fraction(5), 10.0, list(range(12))),  # slower than the rate: every frame
        (Fraction(12), 12.0, list(range(12))),
    ],
)
def test_looks_follow_the_rate(fps: Fraction, rate_hz: float, looked: list[int]) -> None:
    schedule = LookSchedule(rate_hz)

    assert [index for index in range(12) if schedule.due(float(index / fps))] == looked


def test_rounded_pts_are_looked_at_like_exact_ones() -> None:
    exact, rounded = LookSchedule(10.0), LookSchedule(10.0)

    # Matroska keeps milliseconds: 0.033, 0.067, 0.1
    for index in range(300):
        assert exact.due(index / 30) == rounded.due(round(index / 30, 3))


def test_after_a_gap_nothing_is_caught_up() -> None:
    schedule = LookSchedule(10.0)
    assert schedule.due(0.0)

    assert [schedule.due(60.0 + index / 30) for index in range(4)] == [True, False, False, True]


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=60), st.floats(1.0, 30.0))
def test_the_first_is_looked_at_and_no_wait_is_longer_than_a_period(
    steps: list[float], rate_hz: float
) -> None:
    schedule = LookSchedule(rate_hz)
    times = np.cumsum(steps).tolist()
    looked = [time for time in times if schedule.due(time)]

    assert looked[0] == times[0]
    for time in times:
        assert time - max(look for look in looked if look <= time) <= 1.0 / rate_hz


def test_a_postponed_look_comes_later_by_its_share_of_a_period() -> None:
    schedule = LookSchedule(10.0)
    assert schedule.due(0.0)
    schedule.postpone(0.5)

    assert [index for index in range(1, 40) if schedule.due(index / 100)] == [15, 25, 35]


def test_a_changed_rate_stretches_what_is_left_of_the_wait() -> None:
    schedule = LookSchedule(1.0)
    assert schedule.due(0.0)
    assert not schedule.due(0.5)
    schedule.change(5.0)

    assert [index for index in range(51, 110) if schedule.due(index / 100)] == [60, 80, 100]


def test_before_its_first_look_a_schedule_may_be_changed_too() -> None:
    schedule = LookSchedule(1.0)
    schedule.change(10.0)

    assert [index for index in range(6) if schedule.due(index / 20)] == [0, 2, 4]


@given(st.lists(st.tuples(st.floats(0.0, 0.5), st.floats(1.0, 30.0)), min_size=1, max_size=60))
def test_however_rates_change_no_wait_is_longer_than_the_longest_period(
    steps: list[tuple[float, float]],
) -> None:
    schedule = LookSchedule(10.0)
    longest_s = max(0.1, *(1.0 / rate_hz for _, rate_hz in steps))
    now_s = last_s = 0.0
    assert schedule.due(0.0)
    for step_s, rate_hz in steps:
        schedule.change(rate_hz)
        now_s += step_s
        if schedule.due(now_s):
            last_s = now_s
        assert now_s - last_s <= longest_s


def test_where_others_choose_every_frame_is_looked_at_and_each_camera_has_its_region() -> None:
    left = CameraRules(10.0, 8.0, region=(((0.0, 0.0), (0.4, 0.0), (0.4, 1.0), (0.0, 1.0)),))
    everywhere = CameraRules(10.0, 8.0)
    stage = DetectionStage(
        CountingDetector(), None, rules=lambda camera: left if camera == "a" else everywhere
    )

    out = stage.process([frame("a", 0, 0.0), frame("a", 1, 0.01), frame("b", 0, 0.0)])

    assert [item.looked for item in out] == [True, True, True]
    assert [len(item.faces) for item in out] == [0, 0, 1]  # the face is centred in the middle


def test_a_frame_not_looked_at_passes_with_its_pixels_untouched() -> None:
    detector, touched = CountingDetector(), list[str]()
    stage = DetectionStage(detector, rate_hz=10.0)

    out = stage.process([frame("a", index, index / 30, looked_at=touched) for index in range(4)])

    assert [item.looked for item in out] == [True, False, False, True]
    assert [len(item.faces) for item in out] == [1, 0, 0, 1]
    assert touched == ["a0", "a3"]
    assert detector.batches == [2]


def test_cameras_share_a_batch_and_each_keeps_its_own_time() -> None:
    detector = CountingDetector()
    stage = DetectionStage(detector, rate_hz=10.0)

    out = stage.process(
        [frame("a", 0, 0.0, 8), frame("b", 0, 5.0, 9), frame("a", 1, 0.05, 8), frame("b", 1, 5.1, 9)]
    )

    assert [(item.frame.info.camera, item.looked) for item in out] == [
        ("a", True),
        ("b", True),
        ("a", False),
        ("b", True),
    ]
    assert [item.faces.boxes[0, 2] for item in out if item.looked] == [8, 9, 9]
    assert detector.batches == [3]


def test_a_batch_without_a_look_does_not_call_the_detector() -> None:
    detector = CountingDetector()
    stage = DetectionStage(detector, rate_hz=10.0)
    stage.process([frame("a", 0, 0.0)])

    stage.process([frame("a", 1, 0.03), frame("a", 2, 0.06)])

    assert detector.batches == [1]


def test_how_frames_are_batched_changes_nothing() -> None:
    frames = [frame("a", index, index / 24) for index in range(20)]
    whole = DetectionStage(CountingDetector(), 10.0).process(frames)
    single = DetectionStage(CountingDetector(), 10.0)

    assert [item.looked for item in whole] == [single.process([each])[0].looked for each in frames]


def test_a_camera_that_ended_begins_anew() -> None:
    stage = DetectionStage(CountingDetector(), rate_hz=10.0)
    stage.process([frame("a", 0, 7.0), frame("b", 0, 7.0)])

    assert list(stage.end(StreamEnd("a", 1))) == []

    assert stage.process([frame("a", 0, 0.0)])[0].looked
    assert not stage.process([frame("b", 1, 7.01)])[0].looked

"""Timestamps of every kind become seconds that never decrease."""

from __future__ import annotations

from fractions import Fraction

import pytest

from pipeline.capture.timeline import Timeline

MILLISECOND = Fraction(1, 1000)
RATE = Fraction(25)


Stamp = int | tuple[int | None, int | None] | None
"""a presentation time in milliseconds, alone or with the decoding time"""


def seconds(*stamps: Stamp, rate: Fraction | None = RATE) -> list[float]:
    """Seconds of frames with these timestamps, to the microsecond."""
    timeline = Timeline(MILLISECOND, rate)
    pairs = [stamp if isinstance(stamp, tuple) else (stamp, None) for stamp in stamps]
    return [round(timeline.next_s(pts, dts), 6) for pts, dts in pairs]


def test_counts_from_the_first_frame() -> None:
    assert seconds(7200, 7240, 7300) == [0.0, 0.04, 0.1]
    assert seconds(-80, -40, 0) == [0.0, 0.04, 0.08]


def test_missing_timestamps_follow_the_rate() -> None:
    assert seconds(None, None, None) == [0.0, 0.04, 0.08]
    assert seconds(None, None, rate=Fraction(10)) == [0.0, 0.1]
    assert seconds(None, None, rate=None) == [0.0, 0.04]
    assert seconds(0, None, None, 200) == [0.0, 0.04, 0.08, 0.2]


def test_a_first_timestamp_after_missing_ones_goes_on_from_them() -> None:
    assert seconds(None, None, 5000, 5040) == [0.0, 0.04, 0.08, 0.12]


def test_a_timestamp_that_goes_back_a_little_is_held() -> None:
    assert seconds(0, 40, 30, 80) == [0.0, 0.04, 0.04, 0.08]


@pytest.mark.parametrize("jump", [-50_000, 90_000_000_000], ids=["back", "ahead by years"])
def test_a_jump_starts_a_new_stretch(jump: int) -> None:
    start = 60_000
    stamps = [start, start + 40, start + jump, start + jump + 40]
    assert seconds(*stamps) == [0.0, 0.04, 0.08, 0.12]


def test_a_gap_is_kept() -> None:
    assert seconds(0, 40, 3_600_000) == [0.0, 0.04, 3600.0]


def test_decoding_times_take_over_from_worse_presentation_times() -> None:
    times = seconds((40, 40), (160, 80), (120, 120), (200, 160), (280, 200), (240, 240), (320, 280))
    assert times[-2:] == [0.2, 0.24]


def test_seconds_are_exact_after_hours() -> None:
    timeline = Timeline(Fraction(1, 90_000), Fraction(30_000, 1001))
    timeline.next_s(0, None)
    assert timeline.next_s(90_000 * 3600 + 1, None) == 3600 + 1 / 90_000


def test_the_way_back_from_seconds_to_timestamps() -> None:
    timeline = Timeline(MILLISECOND, RATE)
    assert timeline.stamp_at(1.0) is None
    assert not timeline.stamped
    timeline.next_s(500, None)
    assert timeline.stamp_at(1.5) == 2000
    assert timeline.stamped
    assert timeline.origin == 500


def test_a_timeline_with_an_origin_counts_from_it() -> None:
    assert Timeline(MILLISECOND, RATE, origin=1000).next_s(13_000, None) == 12.0

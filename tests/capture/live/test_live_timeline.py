"""Live times: never decreasing, never in the future, true to the time that passed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.capture.live.live_timeline import LATE_S, LiveTimeline

PERIOD_S = 0.04


def played(frames: list[tuple[float | None, float]]) -> list[float]:
    """Seconds of frames with these stamps and arrivals."""
    timeline = LiveTimeline()
    return [timeline.next_s(stamp, arrived) for stamp, arrived in frames]


def test_a_steady_stream_keeps_its_own_time_whatever_the_network_does() -> None:
    jitter_s = [0.0, 0.03, 0.08, 0.01, 0.0, 0.05] * 50
    frames = [(100 + PERIOD_S * i, 5 + PERIOD_S * i + late) for i, late in enumerate(jitter_s)]
    seconds = played(list(frames))
    steps = [after - before for before, after in pairwise(seconds)]
    assert steps == pytest.approx([PERIOD_S] * len(steps), abs=0.002)
    assert seconds[0] == 5.0


def test_frames_without_timestamps_belong_to_their_arrival() -> None:
    assert played([(None, 1.0), (None, 1.5), (7.0, 2.0), (7.1, 2.1), (None, 2.2)]) == pytest.approx(
        [1.0, 1.5, 2.0, 2.1, 2.2]
    )


def test_a_burst_after_a_stall_ends_on_time() -> None:
    good = [(PERIOD_S * i, 1 + PERIOD_S * i) for i in range(50)]
    held = [(PERIOD_S * i, 1 + PERIOD_S * 100) for i in range(50, 100)]
    then = [(PERIOD_S * i, 1 + PERIOD_S * i) for i in range(101, 110)]
    seconds = played([*good, *held, *then])
    assert seconds[-1] == pytest.approx(then[-1][1], abs=0.01)


def test_a_slow_camera_clock_is_followed() -> None:
    seconds = played([(PERIOD_S * i * 0.999, PERIOD_S * i) for i in range(25 * 600)])
    assert seconds[-1] == pytest.approx(PERIOD_S * (25 * 600 - 1), abs=0.1)


def test_a_new_connection_has_its_own_clock() -> None:
    timeline = LiveTimeline()
    assert timeline.next_s(1000.0, 1.0) == 1.0
    timeline.begin_anew()
    assert timeline.next_s(1000.5, 61.0) == 61.0


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(-1e9, 1e9),
            st.floats(0.0, 3.0),
        ),
        min_size=1,
        max_size=60,
    )
)
def test_whatever_comes_times_are_never_wrong_by_more_than_allowed(
    steps: list[tuple[float | None, float]],
) -> None:
    arrived_s, frames = 0.0, []
    for stamp, passed_s in steps:
        arrived_s += passed_s
        frames.append((stamp, arrived_s))
    seconds = played(frames)
    assert seconds == sorted(seconds)
    for (_, arrived), found in zip(frames, seconds, strict=True):
        assert arrived - LATE_S - 1e-6 <= found <= arrived + 1e-6

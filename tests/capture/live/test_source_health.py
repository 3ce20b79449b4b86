"""What is noted of a live source, and what it shows as."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.capture.live.source_health import HealthRecord, SourceHealth, State
from pipeline.clock import ManualClock

START = datetime(1970, 1, 1, tzinfo=UTC)


def record(clock: ManualClock) -> HealthRecord:
    return HealthRecord(clock, park_after_s=300.0)


def test_a_source_connects_streams_is_lost_and_comes_back() -> None:
    clock = ManualClock()
    noted = record(clock)
    assert noted.health() == SourceHealth(State.CONNECTING, START)
    noted.opened("h264")
    clock.advance(2.0)
    assert noted.frame(640, 480, clock.now())
    assert not noted.frame(640, 480, clock.now())
    health = noted.health()
    assert (health.state, health.since, health.frames) == (State.STREAMING, START + timedelta(seconds=2), 2)
    assert (health.width, health.height, health.codec) == (640, 480, "h264")
    assert noted.lost("cut")
    assert not noted.lost("nobody listens")
    health = noted.health()
    assert (health.state, health.problem, health.reconnects) == (State.WAITING, "nobody listens", 0)
    assert noted.frame(640, 480, clock.now())
    health = noted.health()
    assert (health.state, health.problem, health.reconnects) == (State.STREAMING, None, 1)
    noted.closed()
    noted.lost("too late")
    assert noted.health().state is State.CLOSED


def test_a_camera_that_stays_away_is_parked() -> None:
    clock = ManualClock()
    noted = record(clock)
    noted.lost("nobody listens")
    clock.advance(299.0)
    assert noted.health().state is State.WAITING
    clock.advance(2.0)
    health = noted.health()
    assert (health.state, health.since) == (State.PARKED, START + timedelta(seconds=300))
    assert health.problem == "nobody listens"
    noted.frame(64, 48, clock.now())
    assert noted.health().state is State.STREAMING
    assert noted.health().reconnects == 1


@pytest.mark.parametrize("rate_hz", [0.9, 5.0, 25.0])
def test_the_rate_is_of_late_and_falls_when_frames_stop(rate_hz: float) -> None:
    clock = ManualClock()
    noted = record(clock)
    for _ in range(int(12 * rate_hz)):
        noted.frame(64, 48, clock.now())
        clock.advance(1 / rate_hz)
    assert noted.health().rate_hz == pytest.approx(rate_hz, rel=0.3)
    clock.advance(20.0)
    assert noted.health().rate_hz < 0.2 * rate_hz
    noted.lost("cut")
    assert noted.health().rate_hz == 0.0


def test_what_was_left_out_is_counted() -> None:
    noted = record(ManualClock())
    noted.skipped(3)
    noted.skipped(4)
    noted.damaged()
    assert (noted.health().skipped, noted.health().damaged) == (7, 1)

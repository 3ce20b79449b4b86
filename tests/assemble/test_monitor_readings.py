"""A monitor's parts as Prometheus is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from config.cameras import Camera
from pipeline.assemble.crew import CrewCamera
from pipeline.assemble.monitor_readings import sighting_counts, source_readings, spool_reading
from pipeline.capture.live.source_health import State
from pipeline.events.spool.spool_state import SpoolDrops, SpoolState
from pipeline.events.why.funnel import CameraFunnel, ReasonCount
from pipeline.events.why.shortfall import Reason
from pipeline.runtime.measuring.readings import STATES, SightingCount, SourceReading
from pipeline.types import Frame, StreamEnd
from pipeline.web.monitored import CameraState

AT = datetime(2026, 5, 1, tzinfo=UTC)


class Recorded:
    """A source without health."""

    camera = "door"

    def frames(self) -> Iterator[Frame | StreamEnd]:
        """None."""
        return iter(())

    def close(self) -> None:
        """Nothing to release."""


def camera(**changed: object) -> Camera:
    return Camera.model_validate({"id": "door", "url": "rtsp://10.0.0.5/1", **changed})


def test_the_states_are_those_of_sources_and_of_the_status() -> None:
    assert set(STATES) == {one.value for one in State} | {one.value for one in CameraState}


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (CrewCamera(camera(), None, None, AT), "connecting"),
        (CrewCamera(camera(), Recorded(), None, AT), "connecting"),
        (CrewCamera(camera(enabled=False), None, None, AT), "paused"),
        (CrewCamera(camera(), None, "no such host", AT), "refused"),
    ],
)
def test_a_camera_without_a_stream(one: CrewCamera, state: str) -> None:
    assert source_readings([one]) == (SourceReading("door", state, 0, 0, None),)


def test_sightings_by_outcome_and_reason() -> None:
    funnel = CameraFunnel("door", 4, (ReasonCount(Reason.BLURRED, 2),), (ReasonCount(Reason.ENDED_EARLY, 9),))
    assert list(sighting_counts({"door": funnel})) == [
        SightingCount("door", "named", "", 4),
        SightingCount("door", "unnamed", "blurred", 2),
        SightingCount("door", "passing", "ended_early", 9),
    ]


def test_the_spool() -> None:
    state = SpoolState(4, 2.5, 900, 1, 0.03, SpoolDrops(full=2), 120, True, None, None, None)
    reading = spool_reading(state)
    assert (reading.connected, reading.waiting, reading.oldest_age_s) == (True, 4, 2.5)
    assert {one.reason: one.events for one in reading.dropped} == {
        "full": 2,
        "unwritable": 0,
        "damaged": 0,
        "refused": 0,
    }
    assert spool_reading(replace(state, connected=False)).connected is False

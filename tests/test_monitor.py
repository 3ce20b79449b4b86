"""The monitor as an operator runs it: a process of its own, real videos as cameras, real networks, a real Redis."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from pipeline.commands.monitor_client import MonitorClient
from pipeline.web.announcement import find_monitor
from pipeline.web.monitored import CameraState, CameraStatus
from run_pipeline import main
from tests.monitor_process import WAIT_S, MonitorProcess, monitors

pytestmark = [pytest.mark.models, pytest.mark.data, pytest.mark.redis]

DRAIN_S = 10.0


@pytest.fixture
def data(photos: Path, tmp_path: Path) -> Path:
    """A data folder in whose gallery one man is enrolled."""
    assert (
        main(
            ["enroll", "Lin-Manuel Miranda", str(photos / "lin-manuel-miranda.png"), "--data", str(tmp_path)]
        )
        == 0
    )
    return tmp_path


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., MonitorProcess]]:
    """Starts monitors; what still runs at the end is killed."""
    with monitors(data) as begin:
        yield begin


def camera(client: MonitorClient, name: str) -> CameraStatus | None:
    return next((each for each in client.status().cameras if each.id == name), None)


def state(client: MonitorClient, name: str) -> CameraState | None:
    found = camera(client, name)
    return None if found is None else found.state


def published(data: Path, capsys: pytest.CaptureFixture[str], count: int) -> list[dict[str, Any]]:
    """The first so many events of the live stream, as a subscriber gets them."""
    capsys.readouterr()
    assert main(["subscribe", "--since", "0", "--count", str(count), "--json", "--data", str(data)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def come_and_go(monitor: MonitorProcess, face: Path, data: Path) -> None:
    """A camera is removed with somebody in the picture: nothing is kept of it, though the sighting ends after that."""
    assert main(["cameras", "add", "yard", str(face), "--data", str(data)]) == 0
    monitor.wait_for(lambda: [e for e in monitor.events() if e["camera"] == "yard"])
    assert main(["cameras", "remove", "yard", "--data", str(data)]) == 0
    monitor.wait_for(lambda: [e for e in monitor.events() if e["camera"] == "yard" and e["type"] == "end"])
    with monitor.client() as client:
        monitor.wait_for(lambda: 'camera="yard"' not in httpx.get(f"{client.found.address}/metrics").text)


def check_events(events: list[dict[str, Any]], data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every sighting has its `new`, its `end` and no gap, and Redis has what standard output had."""
    told = defaultdict(list)
    for event in events:
        told[event["sighting_id"]].append((event["seq"], event["type"]))
    for sighting in told.values():
        assert [seq for seq, _ in sighting] == list(range(1, len(sighting) + 1))
        assert (sighting[0][1], sighting[-1][1]) == ("new", "end")
    assert published(data, capsys, len(events)) == events
    # What a pause or the drain brought speaks of no frame that is under way.
    timings = [event["timings_ms"] for event in events if event["timings_ms"]]
    assert timings
    assert all(0.0 < each["total"] < 30_000.0 for each in timings)


def test_a_day_of_a_monitor(
    start: Callable[..., MonitorProcess], data: Path, videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hamilton, face = videos / "hamilton_640x360.mp4", videos / "single_face.mp4"
    assert main(["cameras", "add", "stage", str(hamilton), "--data", str(data)]) == 0
    monitor = start()
    with monitor.client() as client:
        monitor.wait_for(lambda: client.status().ready and state(client, "stage") is CameraState.STREAMING)
        address = client.found.address
        assert [httpx.get(f"{address}/{page}").status_code for page in ("health", "ready")] == [200, 200]

        # A second one on the same folder would publish over the first.
        second = start()
        assert second.process.wait(WAIT_S) == 3
        assert "is running" in second.err.read_text()

        # A camera is added, and the first does not notice.
        assert main(["cameras", "add", "door", str(face), "--data", str(data)]) == 0
        monitor.wait_for(lambda: state(client, "door") is CameraState.STREAMING)
        stage = camera(client, "stage")
        assert stage is not None
        assert stage.reconnects == 0

        # Somebody is named, and the one at the door is not; each sighting can be explained while it is open.
        named = monitor.wait_for(
            lambda: [e for e in monitor.events() if e["identity"] and e["camera"] == "stage"]
        )
        assert named[0]["identity"]["name"] == "Lin-Manuel Miranda"
        seen = monitor.wait_for(lambda: [e for e in monitor.events() if e["camera"] == "door"])
        assert client.why(seen[0]["sighting_id"]) is not None
        assert main(["why", seen[0]["sighting_id"], "--data", str(data)]) == 0
        assert "near" in capsys.readouterr().out
        snapshot = monitor.wait_for(lambda: [e for e in monitor.events() if e["snapshot"]])[0]["snapshot"]
        monitor.wait_for(lambda: (data / snapshot).exists())

        come_and_go(monitor, face, data)

        # Paused, its sightings end; the other goes on.
        assert main(["cameras", "pause", "door", "--data", str(data)]) == 0
        monitor.wait_for(lambda: state(client, "door") is CameraState.PAUSED)
        monitor.wait_for(
            lambda: [e for e in monitor.events() if e["camera"] == "door" and e["type"] == "end"]
        )

        # Removed, it is gone from the status; and the monitor still answers.
        assert main(["cameras", "remove", "door", "--data", str(data)]) == 0
        monitor.wait_for(lambda: camera(client, "door") is None)

        metrics = httpx.get(f"{address}/metrics").text
        for line in (
            'facestream_camera_frames_decoded_total{camera="stage"}',
            "facestream_spool_waiting",
            "process_open_fds",
        ):
            assert line in metrics

    began = time.monotonic()
    assert monitor.end() == 0
    assert time.monotonic() - began < DRAIN_S
    assert find_monitor(data) is None

    check_events(monitor.events(), data, capsys)


def test_what_is_wrong_is_told_before_the_models_are_loaded(
    start: Callable[..., MonitorProcess], data: Path
) -> None:
    for arguments, code, words in (
        (("gopher://door",), 2, "gopher"),
        (("--cameras", str(data / "none.yaml")), 2, "none.yaml"),
        (("--listen", "0.0.0.0:80"), 2, "reached by others"),
        (("--redis", "http://host"), 2, "redis.url"),
        (("door=/no/such/file.mp4",), 2, "no such file"),
    ):
        monitor = start(*arguments)
        assert monitor.process.wait(WAIT_S) == code, monitor.err.read_text()
        (line,) = [each for each in monitor.err.read_text().splitlines() if each.startswith("facestream: ")]
        assert words in line


def test_a_second_signal_stops_at_once(start: Callable[..., MonitorProcess], videos: Path) -> None:
    monitor = start(f"door={videos / 'single_face.mp4'}")
    with monitor.client() as client:
        monitor.wait_for(lambda: client.status().ready)
    os.kill(monitor.process.pid, signal.SIGTERM)
    os.kill(monitor.process.pid, signal.SIGINT)
    assert monitor.process.wait(DRAIN_S) in (0, 3)

"""A monitor that is killed leaves sightings open: the next one on its data folder ends them, each once."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest

from pipeline.events.delivery.broker import connect
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.events.left_open import run_of
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.store import Store
from tests.monitor_process import MonitorProcess, monitors

pytestmark = [pytest.mark.models, pytest.mark.data, pytest.mark.redis]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., MonitorProcess]]:
    """Starts monitors; what still runs at the end is killed."""
    with monitors(tmp_path) as begin:
        yield begin


def in_stream(data: Path) -> dict[str, list[tuple[int, str]]]:
    """What subscribers have got of each sighting."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    with EmbeddedRedis(data) as server, connect(server.open(), server.shown) as client:
        for _, fields in cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange("facestream:events")):
            event = json.loads(fields[b"event"])
            found[event["sighting_id"]].append((event["seq"], event["type"]))
    return found


def both_seen(monitor: MonitorProcess) -> bool:
    """Whether it has told of somebody at each camera."""
    return {"door", "stage"} <= {event["camera"] for event in monitor.events()}


def test_every_sighting_is_ended_however_often_the_monitor_is_killed(
    start: Callable[..., MonitorProcess],
    tmp_path: Path,
    videos: Path,
) -> None:
    cameras = (f"door={videos / 'single_face.mp4'}", f"stage={videos / 'hamilton_640x360.mp4'}")
    left_open: set[str] = set()
    for _ in range(2):
        monitor = start(*cameras)
        monitor.wait_for(partial(both_seen, monitor))
        monitor.process.kill()
        monitor.process.wait()
        over = {e["sighting_id"] for e in monitor.events() if e["type"] == "end"}
        left_open |= {e["sighting_id"] for e in monitor.events()} - over
    assert left_open
    monitor = start(cameras[0])
    monitor.wait_for(monitor.events)
    assert monitor.end() == 0
    assert "that were open when the last monitor ended" in monitor.err.read_text()

    sightings = in_stream(tmp_path)
    assert left_open & sightings.keys()
    for events in sightings.values():
        assert [seq for seq, _ in events] == list(range(1, len(events) + 1))
        assert [kind for _, kind in events].count("end") == 1
        assert events[-1][1] == "end"
    with Store(tmp_path) as store:
        assert Sightings(store.database).left_open({run_of(each) for each in sightings}) == ()

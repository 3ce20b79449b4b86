"""Four cameras for half an hour while everything around them fails: nothing is lost, and nothing grows.

`make soak` prints the figures of docs/operate.md; FACESTREAM_SOAK_MINUTES makes it shorter or longer.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil
import pytest

from pipeline.web.monitored import CameraState
from run_pipeline import main
from tests.faults.servers import RtspServer, Starter
from tests.monitor_process import MonitorProcess
from tests.redis_process import DURABLE, RedisProcess, executable

pytestmark = [pytest.mark.soak, pytest.mark.models, pytest.mark.data, pytest.mark.redis]

MINUTES = float(os.environ.get("FACESTREAM_SOAK_MINUTES") or 30.0)
WARM_UP = 1 / 3
"""of the time: until every fault has happened once, and every cache is full"""
SAMPLE_S = 5.0
FAULT_EVERY_S = 20.0
SLOPE_MIB_A_MINUTE = 1.0
SEED = 20261122


@dataclass(frozen=True, slots=True)
class Sample:
    """The process at one moment."""

    at_s: float
    rss_mib: float
    threads: int
    descriptors: int


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisProcess]:
    server = RedisProcess(tmp_path / "redis-server", executable("system"), DURABLE)
    server.start()
    yield server
    server.stop()


def remuxed(source: Path, to: Path) -> Path:
    """The video in Matroska, which GStreamer's server takes apart."""
    with av.open(str(source)) as given, av.open(str(to), "w") as made:
        stream = given.streams.video[0]
        copied = made.add_stream_from_template(stream)
        for packet in given.demux(stream):
            if packet.dts is not None:
                packet.stream = copied
                made.mux(packet)
    return to


class Trouble:
    """What goes wrong, one thing after the other."""

    def __init__(self, faults: dict[str, Callable[[], None]]) -> None:
        self.happened: Counter[str] = Counter()
        self._faults = faults
        self._random = random.Random(SEED)
        self._left: list[str] = []

    def next(self) -> None:
        """Every fault once in some order, then in another."""
        if not self._left:
            self._left = self._random.sample(sorted(self._faults), len(self._faults))
        name = self._left.pop()
        self._faults[name]()
        self.happened[name] += 1


def troubles(
    photos: Path,
    videos: Path,
    there: Sequence[str],
    redis_server: RedisProcess,
    test_picture: RtspServer,
    stage: RtspServer,
) -> Trouble:
    """Everything that goes wrong around the four cameras."""

    def redis_away() -> None:
        redis_server.kill()
        time.sleep(8.0)
        redis_server.start()

    def camera_dies() -> None:
        test_picture.kill()
        time.sleep(3.0)
        test_picture.start()

    def camera_freezes() -> None:
        stage.freeze()
        time.sleep(8.0)
        stage.thaw()

    def camera_comes_and_goes() -> None:
        assert main(["cameras", "remove", "face", *there]) == 0
        time.sleep(2.0)
        assert main(["cameras", "add", "face", str(videos / "single_face.mp4"), *there]) == 0

    def camera_pauses() -> None:
        assert main(["cameras", "pause", "loop", *there]) == 0
        time.sleep(2.0)
        assert main(["cameras", "resume", "loop", *there]) == 0

    def people_come_and_go() -> None:
        assert main(["enroll", "Joe Biden", str(photos / "biden.jpg"), *there]) == 0
        assert main(["people", "forget", "Joe Biden", "--yes", *there]) == 0

    return Trouble(
        {
            "redis away 8 s": redis_away,
            "RTSP server killed 3 s": camera_dies,
            "RTSP server frozen 8 s": camera_freezes,
            "camera removed and added": camera_comes_and_goes,
            "camera paused and resumed": camera_pauses,
            "person enrolled and forgotten": people_come_and_go,
        }
    )


def test_half_an_hour_of_trouble(
    photos: Path,
    videos: Path,
    tmp_path: Path,
    rtsp: Starter,
    redis_server: RedisProcess,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = tmp_path / "data"
    there = ["--data", str(data)]
    assert main(["enroll", "Lin-Manuel Miranda", str(photos / "lin-manuel-miranda.png"), *there]) == 0
    test_picture = rtsp("--size", "640x360", "--rate", "25")
    stage = rtsp("--file", str(remuxed(videos / "hamilton_640x360.mp4", tmp_path / "stage.mkv")))
    for name, url in (
        ("loop", str(videos / "hamilton_640x360.mp4")),
        ("face", str(videos / "single_face.mp4")),
        ("stage", stage.url),
        ("flaps", test_picture.url),
    ):
        assert main(["cameras", "add", name, url, *there]) == 0
    monitor = MonitorProcess(data, "--redis", redis_server.url)

    trouble = troubles(photos, videos, there, redis_server, test_picture, stage)
    try:
        samples = soak(monitor, trouble)
        with monitor.client() as client:
            client.status()
            monitor.wait_for(
                lambda: all(each.state is CameraState.STREAMING for each in client.status().cameras)
            )
        assert monitor.end() == 0
    finally:
        if monitor.process.poll() is None:
            monitor.process.kill()
            monitor.process.wait()
    told = monitor.events()
    kept = [json.loads(entry[b"event"]) for _, entry in stream(redis_server)]
    figures = report(samples, told, kept, trouble)
    capsys.readouterr()
    with capsys.disabled():
        sys.stdout.write(f"\n{json.dumps(figures)}\n")
    assert figures["lost"] == figures["twice"] == figures["out_of_order"] == figures["unfinished"] == 0
    assert figures["slope_mib_a_minute"] < SLOPE_MIB_A_MINUTE
    assert figures["threads_after"] <= figures["threads_before"] + 1
    assert figures["descriptors_after"] <= figures["descriptors_before"] + 2


def soak(monitor: MonitorProcess, trouble: Trouble) -> list[Sample]:
    """Let the time pass, with a fault every FAULT_EVERY_S."""
    with monitor.client() as client:
        monitor.wait_for(lambda: client.status().ready)
    process = psutil.Process(monitor.process.pid)
    began_s = time.monotonic()
    samples: list[Sample] = []
    next_fault_s = began_s + FAULT_EVERY_S
    while (now_s := time.monotonic()) < began_s + 60.0 * MINUTES:
        assert monitor.process.poll() is None, monitor.err.read_text()[-4000:]
        samples.append(
            Sample(
                now_s - began_s,
                process.memory_info().rss / 2**20,
                process.num_threads(),
                process.num_fds(),
            )
        )
        if now_s >= next_fault_s:
            trouble.next()
            next_fault_s = time.monotonic() + FAULT_EVERY_S
        time.sleep(SAMPLE_S)
    return samples


def stream(server: RedisProcess) -> list[Any]:
    """Every entry of the live stream."""
    with server.client() as client:
        return list(client.xrange("facestream:events"))


def report(
    samples: list[Sample], told: list[dict[str, Any]], kept: list[dict[str, Any]], trouble: Trouble
) -> dict[str, Any]:
    """The figures. What was told is what the monitor printed, what was kept is what Redis has."""
    warm = [each for each in samples if each.at_s > 60.0 * MINUTES * WARM_UP]
    slope = np.polyfit([each.at_s / 60.0 for each in warm], [each.rss_mib for each in warm], 1)[0]
    quarter = max(len(warm) // 4, 1)
    ids = Counter(event["event_id"] for event in kept)
    seqs = defaultdict(list)
    last = {}
    for event in kept:
        seqs[event["sighting_id"]].append(event["seq"])
        last[event["sighting_id"]] = event["type"]
    return {
        "minutes": MINUTES,
        "rss_mib_warm": round(warm[0].rss_mib, 1),
        "rss_mib_end": round(warm[-1].rss_mib, 1),
        "slope_mib_a_minute": round(float(slope), 3),
        "threads_before": int(np.median([each.threads for each in warm[:quarter]])),
        "threads_after": int(np.median([each.threads for each in warm[-quarter:]])),
        "descriptors_before": int(np.median([each.descriptors for each in warm[:quarter]])),
        "descriptors_after": int(np.median([each.descriptors for each in warm[-quarter:]])),
        "events": len(told),
        "lost": len({event["event_id"] for event in told} - ids.keys()),
        "twice": sum(count - 1 for count in ids.values()),
        "out_of_order": sum(each != sorted(each) for each in seqs.values()),
        "unfinished": sum(each != "end" for each in last.values()),
        "faults": dict(trouble.happened),
    }

"""A live source against GStreamer's RTSP server: what it plays, and what it survives."""

from __future__ import annotations

import base64
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from urllib.parse import quote

import av
import psutil
import pytest

from pipeline.capture.live.live_options import LiveOptions, Transport
from pipeline.capture.live.open_source import open_source
from pipeline.capture.live.source_health import State
from tests.faults.servers import RtspServer, Starter
from tests.faults.watching import Watching

HOSTILE = "p@ss word/%41?#:"
"""a password with everything in it that an address gives a meaning"""

RETURN_S = 5.0
"""within which frames flow after a server has come back"""


@pytest.mark.parametrize("codec", ["h264", "h265", "jpeg"])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_what_cameras_send(codec: str, transport: Transport, rtsp: Starter) -> None:
    server = rtsp("--codec", codec, "--size", "160x120")
    with Watching(open_source(server.url, "door", LiveOptions(transport=transport, rotate=90))) as seen:
        seen.frames(20)
        health = seen.source.health()
    assert (health.state, health.problem) == (State.STREAMING, None)
    assert health.codec == {"h264": "h264", "h265": "hevc", "jpeg": "mjpeg"}[codec]
    assert {(info.width, info.height) for info in seen.infos} == {(120, 160)}
    assert [info.index for info in seen.infos] == list(range(len(seen.infos)))
    steps = [after.pts_s - before.pts_s for before, after in pairwise(seen.infos)]
    assert min(steps) >= 0
    assert seen.infos[-1].pts_s - seen.infos[-6].pts_s == pytest.approx(5 / 25, abs=0.1)


def test_auto_goes_over_to_udp_where_tcp_is_refused(rtsp: Starter) -> None:
    server = rtsp("--transport", "udp")
    with Watching(open_source(server.url, "door")) as seen:
        seen.frames(5)
    with Watching(open_source(server.url, "door", LiveOptions(transport="tcp"))) as seen:
        seen.wait(lambda: seen.source.health().problem)
        assert "does not send by tcp" in str(seen.source.health().problem)


@pytest.fixture
def ffmpeg_talks() -> Iterator[None]:
    """FFmpeg tells all it does, requests and addresses too, as an engineer may ask it to."""
    av.logging.set_level(av.logging.TRACE)
    yield
    av.logging.set_level(None)


@pytest.mark.usefixtures("ffmpeg_talks")
@pytest.mark.parametrize("scheme", ["--basic", "--transport=both"])
@pytest.mark.parametrize(
    "written", [quote(HOSTILE, safe=""), HOSTILE.replace("/", "%2F").replace("?#", "%3F%23")]
)
def test_a_hostile_password_opens_and_shows_nowhere(
    written: str, scheme: str, rtsp: Starter, caplog: pytest.LogCaptureFixture
) -> None:
    for logger in ("", "libav", "pipeline.capture"):
        caplog.set_level(1, logger)
    password = HOSTILE if written == quote(HOSTILE, safe="") else HOSTILE.replace("%41", "A")
    server = rtsp("--user", "ann", "--password", password, scheme)
    source = open_source(server.url.replace("://", f"://ann:{written}@"), "door")
    with Watching(source) as seen:
        seen.frames(5)
        shown = f"{source.health()} {[each.name for each in threading.enumerate()]} {source!r}"
    basic = base64.b64encode(f"ann:{password}".encode()).decode()
    for part in (password, written, basic, "p@ss", "word", "ann"):
        assert part not in caplog.text + shown


def test_a_wrong_password_is_said_once(rtsp: Starter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pipeline.capture")
    server = rtsp("--user", "ann", "--password", "right")
    with Watching(open_source(server.url.replace("://", "://ann:wr0ng@"), "door")) as seen:
        seen.wait(lambda: seen.source.health().problem)
        problem = str(seen.source.health().problem)
        time_of_tries_s = time.monotonic() + 2.0
        seen.wait(lambda: time.monotonic() > time_of_tries_s)
    assert "refuses this user and password (401)" in problem
    said = [record.getMessage() for record in caplog.records]
    assert sum("401" in line for line in said) == 1
    assert "wr0ng" not in " ".join(said)
    assert seen.ends == []


def test_a_path_that_is_not_there(rtsp: Starter) -> None:
    with Watching(open_source(rtsp().url + "/nothing", "door")) as seen:
        seen.wait(lambda: seen.source.health().problem)
        assert "nothing at this path (404)" in str(seen.source.health().problem)


@pytest.mark.parametrize("keyframe_every", ["25", pytest.param("250", marks=pytest.mark.soak)])
def test_who_is_too_slow_skips_and_never_falls_behind(
    keyframe_every: str, rtsp: Starter, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twenty-five pictures a second come, and each takes 100 ms to look at."""
    slowly = threading.Event()
    server = rtsp("--size", "160x120", "--keyframe-every", keyframe_every)
    with Watching(open_source(server.url, "door"), lambda _: slowly.wait(0.1)) as seen:
        seen.wait(lambda: seen.infos and seen.infos[-1].pts_s > 5.0)
        health = seen.source.health()
        late_s = [at_s - info.pts_s for at_s, info in zip(seen.at_s, seen.infos, strict=False)]
    assert health.skipped > 40
    # What is left out is never missed by what follows.
    assert health.damaged == 0
    assert max(late_s) - min(late_s) < 1.5
    tell(
        capsys,
        f"{health.frames} frames, {health.skipped} skipped, at most {max(late_s) - min(late_s):.2f} s behind",
    )


@pytest.mark.soak
def test_what_a_1080p_camera_costs(rtsp: Starter, capsys: pytest.CaptureFixture[str]) -> None:
    server, process = rtsp("--size", "1920x1080", "--pattern", "ball"), psutil.Process()
    with Watching(open_source(server.url, "door")) as seen:
        seen.frames(50)
        began_s, before = time.monotonic(), process.cpu_times()
        seen.frames(500, 60.0)
        after, took_s = process.cpu_times(), time.monotonic() - began_s
        assert seen.source.health().skipped == 0
    busy = (after.user + after.system - before.user - before.system) / took_s
    tell(capsys, f"1080p at {500 / took_s:.1f} a second: {busy:.1%} of a core")
    assert busy < 0.5


def test_a_server_that_is_killed_and_comes_back(rtsp: Starter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pipeline.capture")
    server = rtsp()
    with Watching(open_source(server.url, "door")) as seen:
        seen.frames(5)
        for _ in range(3):
            _kill_and_restart(server, seen)
    assert len(seen.ends) == 3
    assert all(end.pause and end.problem for end in seen.ends)
    assert seen.source.health().reconnects == 3
    assert len(caplog.records) == 1 + 2 * 3
    _times_are_true(seen)


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_twenty_restarts_leave_nothing_behind(rtsp: Starter, capsys: pytest.CaptureFixture[str]) -> None:
    server, process = rtsp(), psutil.Process()
    took_s, threads, files, memory = [], [], [], []
    with Watching(open_source(server.url, "door")) as seen:
        seen.frames(5)
        for _ in range(20):
            took_s.append(_kill_and_restart(server, seen))
            gc.collect()
            threads.append(threading.active_count())
            files.append(len(os.listdir("/proc/self/fd")))
            memory.append(process.memory_info().rss / 2**20)
    tell(capsys, f"frames {sorted(round(each, 2) for each in took_s)} s after the server's return")
    tell(capsys, f"threads {threads}\ndescriptors {files}\nMiB {[round(each, 1) for each in memory]}")
    assert len(set(threads[2:])) == 1
    assert max(files[2:]) - min(files[2:]) <= 1
    assert memory[-1] - memory[4] < 8.0


@pytest.mark.parametrize("frozen_s", [6.5, pytest.param(30.0, marks=pytest.mark.soak)])
def test_a_frozen_server_is_noticed_and_recovers(
    frozen_s: float, rtsp: Starter, capsys: pytest.CaptureFixture[str]
) -> None:
    server = rtsp()
    with Watching(open_source(server.url, "door")) as seen:
        seen.frames(5)
        server.freeze()
        began_s = time.monotonic()
        seen.wait(lambda: seen.ends, 10.0)
        assert "no data came for 5 s" in str(seen.ends[0].problem)
        seen.wait(lambda: time.monotonic() - began_s > frozen_s, frozen_s + 1)
        server.thaw()
        thawed_s = time.monotonic()
        seen.frames(5, 40.0)
        noticed_s, back_s = seen.ended_at_s[0] - began_s, time.monotonic() - thawed_s
        tell(
            capsys,
            f"frozen {frozen_s} s: noticed after {noticed_s:.2f} s, frames {back_s:.2f} s after its end",
        )
    _times_are_true(seen)


def test_close_ends_a_wait_for_a_frozen_server_in_time(rtsp: Starter) -> None:
    server = rtsp()
    with Watching(open_source(server.url, "door")) as seen:
        seen.frames(5)
        server.freeze()
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 6.0


def tell(capsys: pytest.CaptureFixture[str], line: str) -> None:
    """Print a figure, also where the test passes."""
    with capsys.disabled():
        sys.stdout.write(f"\n{line}\n")


def _kill_and_restart(server: RtspServer, seen: Watching) -> float:
    """Seconds from the server's return to the first frame."""
    ends = len(seen.ends)
    server.kill()
    seen.wait(lambda: len(seen.ends) > ends)
    server.start()
    back_s = time.monotonic()
    seen.wait(lambda: seen.at_s[-1] > back_s, RETURN_S)
    first_s = next(at_s for at_s in seen.at_s if at_s > back_s)
    seen.frames(5)
    return first_s - back_s


def _times_are_true(seen: Watching) -> None:
    """pts_s never went back, and says when the frame came."""
    pts_s = [info.pts_s for info in seen.infos]
    assert pts_s == sorted(pts_s)
    late_s = [at_s - pts for at_s, pts in zip(seen.at_s, pts_s, strict=True)]
    assert max(late_s) - min(late_s) < 1.5

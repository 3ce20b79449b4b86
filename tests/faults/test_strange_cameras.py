"""A live source against cameras that misbehave: each is noticed, said in one line, and survived."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from pipeline.capture.live import live
from pipeline.capture.live.live_options import LiveOptions
from pipeline.capture.live.open_source import open_source
from pipeline.capture.live.source_health import State
from tests.faults.servers import free_port
from tests.faults.strange_cameras import (
    StrangeCamera,
    Talk,
    h264_units,
    hang_up,
    http_then,
    interleaved,
    jpeg,
    mjpeg_part,
    rtp_packets,
    rtsp_then,
    silent,
)
from tests.faults.watching import Watching

NOTICED_S = 10.0

FRAMES = 60
RATE_HZ = 50
STEP = 90_000 // RATE_HZ
"""between two frames, in units of RTP's clock for video (RFC 6184, section 8.2.1)"""


def forever(part: bytes, every_s: float) -> Iterator[bytes]:
    """The same bytes again and again."""
    stop = threading.Event()
    while not stop.wait(every_s):
        yield part


def some_then(parts: Sequence[bytes], then: bytes, every_s: float = 0.04) -> Iterator[bytes]:
    """Good bytes at the pace of a camera, then something else for ever."""
    stop = threading.Event()
    for part in parts:
        yield part
        stop.wait(every_s)
    yield from forever(then, every_s)


def play(packets: Iterator[list[bytes]], every_s: float = 1 / RATE_HZ) -> Talk:
    """Send the RTP packets of one access unit after the other, then stay silent."""

    def send(caller: socket.socket) -> None:
        stop = threading.Event()
        for unit in packets:
            caller.sendall(b"".join(interleaved(packet) for packet in unit))
            stop.wait(every_s)
        silent(caller)

    return rtsp_then(send)


def garbage(caller: socket.socket) -> None:
    """A few bytes that mean nothing, again and again."""
    for part in forever(b"\x11" * 7, 0.1):
        caller.sendall(part)


def first_pictures() -> list[bytes]:
    return [mjpeg_part(jpeg(320, 240))] * 20


STALLS = {
    "says nothing": ("rtsp", silent),
    "answers, and never sends": ("rtsp", rtsp_then(silent)),
    "answers HTTP, and never sends": ("http", http_then(lambda: forever(b"", 0.1))),
    "trickles garbage": ("rtsp", rtsp_then(garbage)),
    "trickles garbage over HTTP": ("http", http_then(lambda: forever(b"\x11" * 7, 0.1))),
}


@pytest.mark.parametrize("case", STALLS)
@pytest.mark.parametrize("timeout_s", [1.5, pytest.param(5.0, marks=pytest.mark.soak)])
def test_a_camera_that_gives_nothing_is_noticed(case: str, timeout_s: float) -> None:
    scheme, talk = STALLS[case]
    options = LiveOptions(connect_timeout_s=timeout_s, read_timeout_s=timeout_s)
    with StrangeCamera(talk) as camera, Watching(open_source(camera.url(scheme), "door", options)) as seen:
        # Not from the first call on: looking whether anybody is there at all takes its time too.
        seen.wait(lambda: seen.source.health().problem, 1.5 * timeout_s)
        assert seen.source.health().state is State.WAITING
        assert "\n" not in str(seen.source.health().problem)
        assert seen.ends == []


@pytest.mark.parametrize(
    "then", [b"\x11" * 50, mjpeg_part(b"\xff\xd8garbage\xff\xd9")], ids=["bytes", "pictures"]
)
@pytest.mark.parametrize("picture_s", [2.0, pytest.param(live.PICTURE_S, marks=pytest.mark.soak)])
def test_a_stream_that_turns_into_garbage_is_noticed(
    then: bytes, picture_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PICTURE_S", picture_s)
    talk = http_then(lambda: some_then(first_pictures(), then))
    options = LiveOptions(read_timeout_s=1.5)
    with StrangeCamera(talk) as camera, Watching(open_source(camera.url("http"), "door", options)) as seen:
        seen.frames(5)
        seen.wait(lambda: seen.ends, NOTICED_S + 0.5)
        silent_s = seen.ended_at_s[0] - seen.at_s[-1]
        assert silent_s < NOTICED_S
        seen.frames(5)
        assert seen.source.health().reconnects == 1


@pytest.mark.parametrize("talk", [hang_up, rtsp_then(hang_up)], ids=["at once", "when asked to play"])
def test_a_camera_that_hangs_up_is_not_hammered(talk: Talk) -> None:
    with StrangeCamera(talk) as camera, Watching(open_source(camera.url(), "door")) as seen:
        began_s = time.monotonic()
        seen.wait(lambda: time.monotonic() - began_s > 3.0)
        # The waits are 0.5, 1, 2 s, each shortened by half at most.
        assert 2 <= len(camera.called_s) <= 4
        assert seen.ends == []


def test_a_camera_that_hangs_up_after_a_picture_is_called_every_two_seconds() -> None:
    with (
        StrangeCamera(http_then(first_pictures)) as camera,
        Watching(open_source(camera.url("http"), "door")) as seen,
    ):
        seen.wait(lambda: len(camera.called_s) >= 3)
        waits_s = [after - before for before, after in itertools.pairwise(camera.called_s)]
        assert min(waits_s) > 1.9
        assert len(seen.ends) >= 2
        assert all(end.pause for end in seen.ends)


def test_a_port_that_opens_is_called_whatever_the_backoff() -> None:
    port = free_port()
    options = LiveOptions(max_backoff_s=300.0, park_after_s=0.5)
    with Watching(open_source(f"http://127.0.0.1:{port}/video", "door", options)) as seen:
        seen.wait(lambda: seen.source.health().state is State.PARKED)
        assert "nothing listens on port" in str(seen.source.health().problem)
        with StrangeCamera(http_then(lambda: some_then(first_pictures(), mjpeg_part(jpeg())))) as camera:
            listener = socket.create_server(("127.0.0.1", port), reuse_port=False)
            back_s = time.monotonic()
            relay = threading.Thread(target=_relay, args=(listener, camera.port))
            relay.start()
            seen.frames(1, 5.0)
            assert seen.at_s[0] - back_s < 5.0
            assert seen.source.health().state is State.STREAMING
            seen.source.close()
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        relay.join()


@pytest.mark.parametrize(
    "stamps",
    [
        [STEP * number for number in range(FRAMES)],
        [STEP * number + (1_000_000 if number > 30 else 0) for number in range(FRAMES)],
        [STEP * number + (5_000_000 if number < 30 else 0) for number in range(FRAMES)],
        [2**32 - STEP * 30 + STEP * number for number in range(FRAMES)],
        [7] * FRAMES,
    ],
    ids=["true", "jumps ahead", "jumps back", "wraps", "stands still"],
)
def test_times_are_true_whatever_the_timestamps_do(stamps: list[int]) -> None:
    talk = play(rtp_packets(h264_units(FRAMES), stamps))
    with StrangeCamera(talk) as camera, Watching(open_source(camera.url(), "door")) as seen:
        seen.wait(lambda: len(seen.infos) >= FRAMES - 5)
        pts_s = [info.pts_s for info in seen.infos]
        late_s = [at_s - each for at_s, each in zip(seen.at_s, pts_s, strict=False)]
        assert pts_s == sorted(pts_s)
        assert max(late_s[10:]) - min(late_s[10:]) < 0.3


def test_a_change_of_resolution_in_mid_stream() -> None:
    units = h264_units(50) + h264_units(50, width=96, height=80)
    talk = play(rtp_packets(units, [STEP * number for number in range(100)]))
    with StrangeCamera(talk) as camera, Watching(open_source(camera.url(), "door")) as seen:
        seen.wait(lambda: len(seen.infos) >= 90)
        assert [(info.width, info.height) for info in (seen.infos[0], seen.infos[-1])] == [(64, 48), (96, 80)]
        assert seen.ends == []
        assert seen.source.health().width == 96


def _relay(listener: socket.socket, port: int) -> None:
    """Pass the first caller that says something on to another port."""
    try:
        while True:
            caller, _ = listener.accept()
            said = caller.recv(4096)
            if not said:
                caller.close()
                continue
            with caller, socket.create_connection(("127.0.0.1", port)) as camera:
                camera.sendall(said)
                while data := camera.recv(4096):
                    caller.sendall(data)
    except OSError:
        return

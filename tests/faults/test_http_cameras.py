"""A live source against HTTP: motion JPEG, HLS, and answers that are no video."""

from __future__ import annotations

import functools
import http.server
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import trustme

from pipeline.capture.live.open_source import open_source
from pipeline.capture.live.source_health import State
from pipeline.types import Frame
from tests.capture.films import Film
from tests.faults.strange_cameras import StrangeCamera, http_then, jpeg, mjpeg_part
from tests.faults.watching import Watching


def at_rate(parts: Iterator[bytes], rate_hz: float) -> Iterator[bytes]:
    """The parts, no faster than this."""
    began_s = time.monotonic()
    stop = threading.Event()
    for number, part in enumerate(parts):
        stop.wait(max(0.0, began_s + number / rate_hz - time.monotonic()))
        yield part


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The files of a folder over HTTP; its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_motion_jpeg() -> None:
    def parts() -> Iterator[bytes]:
        return at_rate((mjpeg_part(jpeg(level=number % 250)) for number in itertools.count()), 25.0)

    with StrangeCamera(http_then(parts)) as camera, Watching(open_source(camera.url("http"), "door")) as seen:
        seen.frames(20)
        health = seen.source.health()
        assert (health.state, health.codec, health.width) == (State.STREAMING, "mjpeg", 64)
        # Its timestamps say nothing; the times are those of arrival.
        newest, before = seen.infos[-1], seen.infos[-11]
        assert newest.pts_s - before.pts_s == pytest.approx(0.4, abs=0.15)


def test_a_change_of_size_in_mid_stream() -> None:
    sizes = [(64, 48)] * 10 + [(96, 32)] * 10

    def parts() -> Iterator[bytes]:
        return at_rate((mjpeg_part(jpeg(*size)) for size in itertools.cycle(sizes)), 50.0)

    with StrangeCamera(http_then(parts)) as camera, Watching(open_source(camera.url("http"), "door")) as seen:
        seen.frames(40)
        assert {(info.width, info.height) for info in seen.infos} == set(sizes)
        assert seen.ends == []


def test_the_newest_picture_is_never_far_behind() -> None:
    """A picture's grey says when it was sent; each takes 100 ms to look at, and 50 come a second."""
    began_s = time.monotonic()
    pictures = [jpeg(level=level) for level in range(256)]
    sent = (mjpeg_part(pictures[int(10 * (time.monotonic() - began_s)) % 256]) for _ in itertools.count())
    behind_s: list[float] = []
    slowly = threading.Event()

    def look(frame: Frame) -> None:
        grey = round(float(np.median(frame.pixels.to_host())))
        behind_s.append((time.monotonic() - began_s - grey / 10) % 25.6)
        slowly.wait(0.1)

    with (
        StrangeCamera(http_then(lambda: at_rate(sent, 50.0))) as camera,
        Watching(open_source(camera.url("http"), "door"), look) as seen,
    ):
        seen.frames(30)
        assert seen.source.health().skipped > 30
        assert max(behind_s) < 1.0


def test_hls_plays_on_at_its_own_pace(tmp_path: Path) -> None:
    film = Film(
        "live.m3u8",
        container="hls",
        codec_options={"g": "25", "preset": "ultrafast"},
        container_options={"hls_time": "1", "hls_list_size": "0"},
    )
    chance = np.random.default_rng(0)
    film.make(tmp_path, [chance.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(100)])
    playlist = tmp_path / "live.m3u8"
    whole = playlist.read_text()
    # Without its end mark a playlist is live: it is read from its last segment, and asked again for more.
    playlist.write_text(whole.replace("#EXT-X-ENDLIST\n", ""))
    with served(tmp_path) as url, Watching(open_source(f"{url}/live.m3u8", "door")) as seen:
        seen.frames(20)
        assert seen.at_s[-1] - seen.at_s[-11] == pytest.approx(0.4, abs=0.2)
        assert seen.source.health().codec == "h264"


def test_a_certificate_that_the_camera_made_itself(tmp_path: Path) -> None:
    """Cameras have no other; the password goes encrypted all the same."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("camera.local").configure_cert(context)

    def talk(caller: socket.socket) -> None:
        with context.wrap_socket(caller, server_side=True) as secure:
            http_then(lambda: at_rate((mjpeg_part(jpeg()) for _ in range(1000)), 25.0))(secure)

    with StrangeCamera(talk) as camera, Watching(open_source(camera.url("https"), "door")) as seen:
        seen.frames(10)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("401 Unauthorized", "refuses this user and password (401)"),
        ("403 Forbidden", "does not allow this (403)"),
        ("404 Not Found", "nothing at this path (404)"),
        ("410 Gone", "refuses the request (4xx)"),
        ("503 Service Unavailable", "failed to answer (5xx)"),
    ],
)
def test_what_a_server_refuses_is_said(status: str, says: str) -> None:
    def refuse(caller: socket.socket) -> None:
        caller.recv(4096)
        caller.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    with StrangeCamera(refuse) as camera, Watching(open_source(camera.url("http"), "door")) as seen:
        seen.wait(lambda: seen.source.health().problem)
        assert says in str(seen.source.health().problem)


def test_a_web_page_is_no_camera() -> None:
    page = [b"<html><body>" + b"<p>log in first</p>" * 2000 + b"</body></html>"]
    with (
        StrangeCamera(http_then(lambda: page, kind="text/html")) as camera,
        Watching(open_source(camera.url("http"), "door")) as seen,
    ):
        seen.wait(lambda: seen.source.health().problem)
        assert "answers, but not with video" in str(seen.source.health().problem)

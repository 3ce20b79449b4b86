"""Cameras that make trouble: one sends garbage, one flaps, one sends 4K at 60 frames a second."""

from __future__ import annotations

import random
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from pipeline.arrays import U8
from pipeline.capture.file import FileSource
from pipeline.capture.live.live import LiveSource
from pipeline.capture.live.open_source import open_source
from pipeline.capture.recorder import Recorder

BOUNDARY = b"frame"
HEADER = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=" + BOUNDARY + b"\r\n\r\n"
FLAP_S = 1.0
"""for so long the one that flaps sends pictures, each time"""
FILM_S = 3
"""of the 4K film, which is played over and over"""


class _Garbage(socketserver.BaseRequestHandler):
    """Says that motion JPEG comes, and sends noise as fast as it is taken."""

    def handle(self) -> None:
        noise = random.Random(0).randbytes(65536)
        try:
            self.request.sendall(HEADER)
            while True:
                self.request.sendall(noise)
                time.sleep(0.01)  # six megabytes a second, more than a camera's
        except OSError:
            return


class _Flapping(socketserver.BaseRequestHandler):
    """Sends good pictures for a second, then hangs up."""

    picture = b""

    def handle(self) -> None:
        began_s = time.monotonic()
        try:
            self.request.sendall(HEADER)
            while time.monotonic() - began_s < FLAP_S:
                head = b"--" + BOUNDARY + b"\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
                self.request.sendall(head % len(self.picture) + self.picture + b"\r\n")
                time.sleep(1 / 25)
        except OSError:
            return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def troubled_cameras(video: Path, folder: Path) -> Iterator[list[LiveSource]]:
    """The three, to be started; `video` is what those show that show something. The film is made in `folder`."""
    frames = _frames(video)
    film = film_4k(frames, folder / "4k60.mp4")
    _Flapping.picture = cv2.imencode(".jpg", cv2.cvtColor(frames[0], cv2.COLOR_RGB2BGR))[1].tobytes()
    with _serving(_Garbage) as garbage, _serving(_Flapping) as flapping:
        yield [
            open_source(garbage, "garbage"),
            open_source(flapping, "flapping"),
            open_source(str(film), "4k60"),
        ]


def film_4k(frames: list[U8], path: Path) -> Path:
    """These frames (H, W, 3) as a film of 3840x2160 at 60 a second."""
    with Recorder(path, 3840, 2160, Fraction(60)) as recorder:
        for number in range(60 * FILM_S):
            small = frames[number % len(frames)]
            recorder.write(np.asarray(cv2.resize(small, (3840, 2160)), np.uint8))
    return path


def _frames(video: Path) -> list[U8]:
    source = FileSource(video, "film")
    try:
        source.open()
        return [frame.pixels.to_host() for _, frame in zip(range(60), source.frames(), strict=False)]
    finally:
        source.close()


@contextmanager
def _serving(handler: type[socketserver.BaseRequestHandler]) -> Iterator[str]:
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/stream.mjpg"
        finally:
            server.shutdown()
            thread.join()

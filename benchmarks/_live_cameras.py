"""Recordings played as cameras: in real time, again and again, for so many seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from pipeline.capture.file import FileSource
from pipeline.capture.live.open_source import open_source
from pipeline.types import Frame, StreamEnd


class MeasuredCamera(Protocol):
    """A camera that goes off by itself."""

    camera: str
    late_s: float
    """how far decoding fell behind, at most"""
    ended: threading.Event
    """set when it went off"""

    def frames(self) -> Iterator[Frame | StreamEnd]:
        """Its frames."""
        ...

    def close(self) -> None:
        """Go off now."""
        ...


class AddressedCamera:
    """A recording opened as monitor opens cameras: what would be decoded too late is left out."""

    def __init__(self, path: Path, camera: str, seconds: float) -> None:
        self.camera = camera
        self.late_s = 0.0
        self.ended = threading.Event()
        self._source = open_source(str(path), camera)
        self._seconds = seconds

    def frames(self) -> Iterator[Frame | StreamEnd]:
        until_s = time.monotonic() + self._seconds
        try:
            for item in self._source.frames():
                if time.monotonic() >= until_s:
                    return
                yield item
        finally:
            self.ended.set()

    def close(self) -> None:
        self._source.close()


class PlayedCamera:
    """A recording as a camera that goes off after `seconds`. Frames carry when they were decoded."""

    def __init__(self, path: Path, camera: str, seconds: float, delay_s: float = 0.0) -> None:
        """`delay_s` passes before the first frame: cameras do not begin together."""
        self.camera = camera
        self.late_s = 0.0
        """how far decoding fell behind the recording's own time, at most"""
        self._path = path
        self._seconds = seconds
        self._delay_s = delay_s
        self._closed = threading.Event()
        self.ended = threading.Event()
        """set when it went off"""

    def frames(self) -> Iterator[Frame | StreamEnd]:
        try:
            yield from self._frames()
        finally:
            self.ended.set()

    def close(self) -> None:
        self._closed.set()

    def _frames(self) -> Iterator[Frame]:
        self._closed.wait(self._delay_s)
        began_s = time.monotonic()
        index, turn_s, last_s = 0, 0.0, 0.0
        while not self._closed.is_set():
            for frame in self._turn():
                pts_s = turn_s + frame.info.pts_s
                ahead_s = began_s + pts_s - time.monotonic()
                self.late_s = max(self.late_s, -ahead_s)
                if pts_s >= self._seconds or self._closed.wait(max(0.0, ahead_s)):
                    return
                captured_ns = time.monotonic_ns()
                info = replace(frame.info, index=index, pts_s=pts_s, captured_ns=captured_ns)
                yield Frame(info, frame.pixels)
                index, last_s = index + 1, pts_s
            turn_s = last_s + 1 / 25

    def _turn(self) -> Iterator[Frame]:
        source = FileSource(self._path, self.camera, threads=1)
        try:
            source.open()
            yield from source.frames()
        finally:
            source.close()

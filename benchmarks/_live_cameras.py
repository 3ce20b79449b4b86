"""Recordings played as cameras: in real time, again and again, for so many seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pipeline.capture.file import FileSource
from pipeline.types import Frame


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

    def frames(self) -> Iterator[Frame]:
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

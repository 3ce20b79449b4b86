"""Somebody who watches a live source on a thread, and what they saw."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pipeline.capture.live.live import LiveSource
from pipeline.types import Frame, FrameInfo, StreamEnd

KEPT = 5000
"""frames remembered; a long watch forgets the first"""


class Watching:
    """Iterates a source on a thread of its own. As a context manager it closes the source and waits for the end."""

    def __init__(self, source: LiveSource, look: Callable[[Frame], object] | None = None) -> None:
        """`look` is done with every frame, in the watching thread."""
        self.source = source
        self.infos: list[FrameInfo] = []
        self.at_s: list[float] = []
        """time.monotonic() of each frame"""
        self.ends: list[StreamEnd] = []
        self.ended_at_s: list[float] = []
        self._look = look
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="watching")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.source.close()
        self._thread.join(30.0)
        assert not self._thread.is_alive(), "frames() did not end"

    def wait(self, condition: Callable[[], object], timeout_s: float = 15.0) -> None:
        """Until it holds; looked at with every frame and end, and often enough besides. Fails after the time."""
        until_s = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                left_s = until_s - time.monotonic()
                assert left_s > 0, f"not within {timeout_s} s: {self.source.health()}, ends {self.ends}"
                self._changed.wait(min(left_s, 0.05))

    def frames(self, count: int, timeout_s: float = 15.0) -> None:
        """Wait for so many more frames from now on."""
        have = self.source.health().frames
        self.wait(lambda: self.source.health().frames >= have + count, timeout_s)

    def _run(self) -> None:
        for each in self.source.frames():
            if isinstance(each, Frame) and self._look is not None:
                self._look(each)
            with self._changed:
                if isinstance(each, StreamEnd):
                    self.ends.append(each)
                    self.ended_at_s.append(time.monotonic())
                else:
                    self.infos.append(each.info)
                    self.at_s.append(time.monotonic())
                    del self.infos[:-KEPT], self.at_s[:-KEPT]
                self._changed.notify_all()

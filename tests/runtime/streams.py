"""Small seeded streams and stages for the tests of the runtime."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np

from pipeline.errors import FacestreamError
from pipeline.pixels import HostPixels
from pipeline.stage import StageBase
from pipeline.types import Frame, FrameInfo, StreamEnd

JOIN_S = 20.0
"""far longer than any test takes; a thread that is not gone by then hangs"""


def frame(camera: str, index: int) -> Frame:
    """A black 2x2 frame, 25 a second."""
    pts_s = index / 25
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=pts_s)
    return Frame(FrameInfo(camera, index, pts_s, at, 2, 2, 0), HostPixels(np.zeros((2, 2, 3), np.uint8)))


class ListSource:
    """Frames of a camera, then the end or an error."""

    def __init__(self, camera: str, count: int, error: Exception | None = None) -> None:
        self.camera = camera
        self.closed = threading.Event()
        self._count = count
        self._error = error

    def frames(self) -> Iterator[Frame | StreamEnd]:
        for index in range(self._count):
            yield frame(self.camera, index)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self.closed.set()


class EndlessSource(ListSource):
    """Frames until somebody stops asking; `started` is set with the first."""

    def __init__(self, camera: str) -> None:
        super().__init__(camera, 0)
        self.started = threading.Event()

    def frames(self) -> Iterator[Frame | StreamEnd]:
        index = 0
        while True:
            yield frame(self.camera, index)
            self.started.set()
            index += 1


class SilentSource(ListSource):
    """A camera that gives one frame and then nothing, until it is closed."""

    def __init__(self, camera: str) -> None:
        super().__init__(camera, 1)
        self.silent = threading.Event()

    def frames(self) -> Iterator[Frame | StreamEnd]:
        yield from super().frames()
        self.silent.set()
        assert self.closed.wait(JOIN_S)


class PassStage(StageBase[Frame, Frame]):
    """Passes frames on; keeps what was called, in order, in `calls`."""

    def __init__(self, name: str, at: Callable[[Frame], None] = lambda _: None) -> None:
        self.name = name
        self.calls: list[str] = []
        self.sizes: list[int] = []
        self._at = at

    def open(self) -> None:
        self.calls.append("open")

    def process(self, batch: Sequence[Frame]) -> Sequence[Frame]:
        self.sizes.append(len(batch))
        for item in batch:
            self._at(item)
        return batch

    def end(self, end: StreamEnd) -> Sequence[Frame]:
        self.calls.append(f"end {end.camera} {end.frames} {end.problem}")
        return ()

    def close(self) -> None:
        self.calls.append("close")


class KeepStage(PassStage):
    """Keeps the frames it is given."""

    def __init__(self) -> None:
        super().__init__("keep", self._keep)
        self.kept: list[tuple[str, int]] = []

    def _keep(self, item: Frame) -> None:
        self.kept.append((item.info.camera, item.info.index))

    def of(self, camera: str) -> list[int]:
        """Frame indices of a camera, in the order in which they came."""
        return [index for name, index in self.kept if name == camera]


class BrokenLensError(FacestreamError):
    """A camera's problem."""


@contextmanager
def no_threads_left() -> Iterator[None]:
    """Fail when the block leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()


@contextmanager
def running(*bodies: Callable[[], object]) -> Iterator[list[threading.Thread]]:
    """Run these in threads; at the end all must be gone."""
    threads = [threading.Thread(target=body, daemon=True) for body in bodies]
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.join(JOIN_S)
        assert not thread.is_alive(), f"{thread} hangs"

"""Stages and sources that fail as they are told, for the tests of what a run does about it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from pipeline.runtime.place import Place, place_of
from pipeline.stage import StageBase
from pipeline.types import Frame, StreamEnd
from tests.runtime.streams import JOIN_S, ListSource, frame

Trouble = Callable[[str, int], Exception | None]
"""camera, frame index -> what the stage raises at it; None: nothing"""


class TroubledStage(StageBase[Frame, Frame]):
    """Passes frames on and keeps what it passed; fails where it is told, and opens again as often as it is told."""

    def __init__(self, trouble: Trouble, *, together: bool = False, name: str = "weak") -> None:
        self.name = name
        self.together = together
        self.passed: list[tuple[str, int]] = []
        self.tried: Counter[tuple[str, int]] = Counter()
        self.lost_of: list[str] = []
        self.calls: list[str] = []
        self.opening: list[Exception | None] = []
        """what each `open` raises, the first ones; the others succeed"""
        self.ending: list[Exception | None] = []
        """the same of `end`"""
        self._trouble = trouble

    def open(self) -> None:
        self.calls.append("open")
        if self.opening and (error := self.opening.pop(0)) is not None:
            raise error

    def process(self, batch: Sequence[Frame]) -> Sequence[Frame]:
        keys = [(item.info.camera, item.info.index) for item in batch]
        self.tried.update(keys)
        for camera, index in keys:
            if (error := self._trouble(camera, index)) is not None:
                raise error
        self.passed += keys
        return batch

    def end(self, end: StreamEnd) -> Sequence[Frame]:
        self.calls.append(f"end {end.camera}")
        if self.ending and (error := self.ending.pop(0)) is not None:
            raise error
        return ()

    def lost(self, camera: str) -> None:
        self.lost_of.append(camera)

    def close(self) -> None:
        self.calls.append("close")


class Losses:
    """Keeps the places that it is told of."""

    def __init__(self) -> None:
        self.places: list[Place] = []

    def __call__(self, places: Sequence[Place]) -> None:
        self.places += places

    @property
    def keys(self) -> list[tuple[str, int]]:
        """Camera and index."""
        return [(place.camera, place.frame_index or 0) for place in self.places]


class SteppedSource(ListSource):
    """Gives a frame whenever it is told, until it is closed."""

    def __init__(self, camera: str) -> None:
        super().__init__(camera, 0)
        self._steps = threading.Semaphore(0)

    def step(self, count: int = 1) -> None:
        """Let it give so many frames more."""
        self._steps.release(count)

    def frames(self) -> Iterator[Frame | StreamEnd]:
        index = 0
        while self._steps.acquire(timeout=JOIN_S) and not self.closed.is_set():
            yield frame(self.camera, index)
            index += 1

    def close(self) -> None:
        super().close()
        self._steps.release()


class DeafSource(ListSource):
    """Hangs after its first frame as a library does, and neither reading nor closing it comes back until `let_go`."""

    def __init__(self, camera: str, *, deaf_close: bool = True) -> None:
        super().__init__(camera, 1)
        self.hangs = threading.Event()
        self._let_go = threading.Event()
        self._deaf_close = deaf_close

    def frames(self) -> Iterator[Frame | StreamEnd]:
        yield from super().frames()
        self.hangs.set()
        self._let_go.wait(JOIN_S)

    def close(self) -> None:
        if self._deaf_close:
            self._let_go.wait(JOIN_S)

    def let_go(self) -> None:
        """The library comes back."""
        self._let_go.set()


class BuggySource(ListSource):
    """Raises what it should not after so many frames of each of its runs; goes on counting in the next."""

    def __init__(self, camera: str, runs: Sequence[int]) -> None:
        super().__init__(camera, 0)
        self._runs = list(runs)
        self._index = 0

    def frames(self) -> Iterator[Frame | StreamEnd]:
        last = len(self._runs) == 1
        for _ in range(self._runs.pop(0)):
            yield frame(self.camera, self._index)
            self._index += 1
        if not last:
            raise KeyError("pts")


def indices(items: Sequence[Frame | StreamEnd]) -> list[int | None]:
    """Frame index of each; None of an end."""
    return [place_of(item).frame_index for item in items]

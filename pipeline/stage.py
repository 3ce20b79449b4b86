"""What a stage promises to the worker that runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from pipeline.types import StreamEnd

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class Stage(Protocol[In, Out]):
    """One step of a frame's life.

    One worker thread calls them all: `open` first, `process` and `end` any number of times, `close` last and
    once, also after an error. State is kept per camera; a camera's items come in frame order. A stage that failed
    in a live run is closed and opened again, and goes on with what it kept.
    """

    name: str
    """one word, for logs and metrics"""
    together: bool
    """Whether a batch is worked on together, and its items may be tried again alone when it failed. Where it is
    False, each item changes what is kept of its camera: in a run that restarts stages they come one at a time,
    and none comes twice"""

    def open(self) -> None:
        """Acquire what the stage needs. May be slow, may raise."""
        ...

    def process(self, batch: Sequence[In]) -> Sequence[Out]:
        """Items of one or several cameras, at least one; the answers keep each camera's order."""
        ...

    def end(self, end: StreamEnd) -> Sequence[Out]:
        """This camera sends nothing more: forget it, and return what is still owed for it.

        After a pause (`end.pause`) it may go on: forget what was seen, and keep what must not begin anew, as
        numbers that were given out.
        """
        ...

    def lost(self, camera: str) -> None:
        """`process` or `end` raised for this camera, and what it was given is lost: put right what is kept of it.

        Throw away what may be half changed; keep what must not begin anew, and what others still wait for. `close`
        and `open` may follow, and then later items. Never raises. Only in a run that restarts stages.
        """
        ...

    def close(self) -> None:
        """Release what `open` acquired. Never raises."""
        ...


class StageBase(Generic[In, Out]):
    """The hooks that most stages leave empty."""

    name = "stage"
    together = False

    def open(self) -> None:
        """Nothing to acquire."""

    def end(self, end: StreamEnd) -> Sequence[Out]:
        """Nothing owed."""
        return ()

    def lost(self, camera: str) -> None:
        """Nothing kept."""

    def close(self) -> None:
        """Nothing to release."""


Reopen = Callable[[], None]
"""closes an engine and opens it again"""


class EngineStage(StageBase[In, Out]):
    """A stage that works with an engine that its caller has opened and closes, most of them on a batch together.

    After a failure it has the engine made anew: a broken inference request or GPU context fails for ever.
    """

    together = True

    def __init__(self, reopen: Reopen | None = None) -> None:
        """`reopen` makes the engine anew, and raises what opening it raises; None: it stays as it is."""
        self._reopen = reopen
        self._closed = False

    def open(self) -> None:
        """The engine is open the first time."""
        if self._closed and self._reopen is not None:
            self._reopen()

    def close(self) -> None:
        """The engine's caller closes it."""
        self._closed = True

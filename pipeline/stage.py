"""What a stage promises to the worker that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from pipeline.types import StreamEnd

In = TypeVar("In", contravariant=True)
Out = TypeVar("Out", covariant=True)


class Stage(Protocol[In, Out]):
    """One step of a frame's life.

    One worker thread calls all four: `open` first, `process` and `end` any number of times, `close` last and
    once, also after an error. State is kept per camera; a camera's items come in frame order.
    """

    name: str
    """one word, for logs and metrics"""

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

    def close(self) -> None:
        """Release what `open` acquired. Never raises."""
        ...


class StageBase(Generic[In, Out]):
    """The hooks that most stages leave empty."""

    name = "stage"

    def open(self) -> None:
        """Nothing to acquire."""

    def end(self, end: StreamEnd) -> Sequence[Out]:
        """Nothing owed."""
        return ()

    def close(self) -> None:
        """Nothing to release."""

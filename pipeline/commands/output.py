"""How a run shows itself: events on standard output, progress and warnings on standard error."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from rich.progress import Progress as Bars
from rich.progress import TaskID

from engines.progress import OnProgress, Progress
from pipeline.commands.context import Context, write_out
from pipeline.events.encode import encode
from pipeline.events.event import EventType, IdentityEvent
from pipeline.events.readable import readable
from pipeline.events.stage import Outcome

log = logging.getLogger(__name__)


class EventPrinter:
    """A sink that prints: each event's JSON line with --json, else a line for people."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def open(self) -> None:
        """Nothing to acquire."""

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Print these events. A reader that went away (`| head`) ends the printing, not the run.

        Raises OutsideError where they cannot be written.
        """
        lines = [encode(event) if self._context.json else readable(event) for event in events]
        try:
            write_out("".join(f"{line}\n" for line in lines))
        except BrokenPipeError:
            # the interpreter would complain once more when it flushes at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def close(self) -> None:
        """Nothing to release."""


class Tally:
    """A sink that counts sightings and the people named in them."""

    def __init__(self) -> None:
        self.events = 0
        self.sightings = 0
        self._named: set[str] = set()

    @property
    def identities(self) -> int:
        """Different people named at the end of a sighting."""
        return len(self._named)

    def open(self) -> None:
        """Nothing to acquire."""

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Count these events."""
        for event in events:
            self.events += 1
            self.sightings += event.type is EventType.NEW
            if event.type is EventType.END and event.identity is not None:
                self._named.add(event.identity.id)

    def close(self) -> None:
        """Nothing to release."""


@contextmanager
def model_progress(context: Context) -> Iterator[OnProgress]:
    """Progress bars for fetching and building models; nothing shows where all is there already.

    A warning says first where the gallery could not be asked which embedder serves it.
    """
    if context.model_doubt is not None:
        log.warning("%s", context.model_doubt)
    tasks: dict[tuple[str, str], TaskID] = {}
    with context.progress() as bars:

        def report(progress: Progress) -> None:
            key = (progress.model, progress.step)
            if key not in tasks:
                tasks[key] = bars.add_task(f"{progress.step} {progress.model}", total=None)
            bars.update(tasks[key], completed=progress.done, total=progress.total or None)

        yield report


class RunProgress:
    """An observer that shows how far recordings have been watched, in seconds of video."""

    def __init__(self, bars: Bars, seconds: float | None) -> None:
        """`seconds` of all recordings together; None where a header does not tell."""
        self._bars = bars
        self._task = bars.add_task("watching", total=seconds)
        self._at_s: dict[str, float] = {}
        self._lock = Lock()

    def __call__(self, outcome: Outcome) -> None:
        """Take in one frame."""
        with self._lock:
            self._at_s[outcome.camera] = outcome.info.pts_s
            self._bars.update(self._task, completed=sum(self._at_s.values()))

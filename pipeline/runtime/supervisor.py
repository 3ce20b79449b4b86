"""Starts the threads of a run in order, and ends them: when the recordings end, when asked to, or when one fails."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from pipeline.errors import FacestreamError, StageError
from pipeline.runtime.buffer import Overflow
from pipeline.runtime.channel import Channel, Inbox, Outbox
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.worker import (
    Admit,
    CaptureWorker,
    FrameSource,
    Worker,
    WorkerFailure,
    WorkerHook,
    WorkerThread,
)
from pipeline.stage import Stage
from pipeline.types import Frame

log = logging.getLogger(__name__)


class Abortable(Protocol):
    """Something that threads may be blocked on, other than the queues."""

    def abort(self) -> None:
        """Wake everyone with ChannelClosed. Called once or more."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """A stage and how it is fed."""

    stage: Stage[Any, Any]
    max_batch: int
    """items at once, of all cameras"""
    queued: int = 32
    """items that may wait before it; the first step's wait in the fan-in instead"""
    fill_s: float = 0.0
    """how long a batch may wait to fill; live only"""


@dataclass(frozen=True, slots=True)
class CameraProblem:
    """A source that broke off."""

    camera: str
    error: FacestreamError


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended, when no stage failed."""

    problems: tuple[CameraProblem, ...]
    """in the order in which they happened"""
    complete: bool
    """False when it was stopped before everything in flight had gone through"""


class Supervisor:
    """The threads of one run.

    `start` opens the stages, last first, so that nothing is taken before everything behind it is ready; sources
    start last. Closing goes the other way: the fan-in closes when no source is left, each stage when its inbox
    is closed and empty. The first failure aborts everything and is raised by `wait` as a StageError. As a
    context manager it leaves no thread behind, whatever happens inside.
    """

    def __init__(
        self,
        fan_in: FanIn[Frame],
        steps: Sequence[Step],
        *,
        hooks: Sequence[WorkerHook] = (),
        abortables: Sequence[Abortable] = (),
        admit: Admit | None = None,
        drain_timeout_s: float = 10.0,
        ends_with_sources: bool = True,
    ) -> None:
        """The run ends when its last source has ended or, with `ends_with_sources` off, only when asked to.

        Frames that `admit` refuses are counted and never queued; it is called in the sources' threads.
        """
        self.fan_in = fan_in
        self.channels = [Channel[Any](step.queued, Overflow.BLOCK, step.stage.name) for step in steps[1:]]
        self._workers = _chain(fan_in, self.channels, steps, hooks)
        self._abortables: tuple[Abortable, ...] = (fan_in, *self.channels, *abortables)
        self._admit = admit
        self._drain_timeout_s = drain_timeout_s
        self._ends_with_sources = ends_with_sources
        self._changed = threading.Condition()
        self._threads: list[WorkerThread] = []
        self._running: set[WorkerThread] = set()
        self._problems: list[CameraProblem] = []
        self._failure: WorkerFailure | None = None
        self._drain_until_s: float | None = None
        self._aborted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._join()

    def start(self, sources: Sequence[FrameSource]) -> None:
        """Open the stages, then start the sources. Called once.

        Raises:
            ValueError: two sources have one name; nothing was started.
            StageError: a stage could not be opened; the others are closed again.
        """
        for source in sources:
            self.fan_in.add(source.camera)
        for worker in reversed(self._workers):
            self._start(worker)
            if self._failure is not None:
                self._join()
                raise stage_error(self._failure) from self._failure.error
        captures = [CaptureWorker(source, self.fan_in, self._admit) for source in sources]
        with self._changed:  # all count as running before the first can end, or its end would end the run
            self._running.update(captures)
        for capture in captures:
            self._start(capture)
        self._close_when_done()

    def add(self, source: FrameSource) -> None:
        """Start one more source while running.

        Raises:
            ValueError: a camera of this name is still running.
            ChannelClosed: the run is ending.
        """
        self.fan_in.add(source.camera)
        self._start(CaptureWorker(source, self.fan_in, self._admit))

    def remove(self, camera: str) -> None:
        """Stop a camera: its frames in flight go through, its open sightings end. Does not wait for its thread."""
        for capture in self._captures():
            if capture.camera == camera:
                self.fan_in.remove(camera, capture.frames)
                capture.stop()

    def drain(self) -> None:
        """Stop all sources and let everything in flight go through; `wait` then returns. May be called again.

        Each camera's StreamEnd is queued at once, so that open sightings end also when a source hangs. What has
        not gone through after `drain_timeout_s` is dropped by `wait`.
        """
        with self._changed:
            if self._drain_until_s is None:
                self._drain_until_s = time.monotonic() + self._drain_timeout_s
            self._changed.notify_all()
        for capture in self._captures():
            self.remove(capture.camera)
        self.fan_in.close()

    def stop(self) -> None:
        """End now: what is in flight is dropped, stages close. May be called again, and after the end."""
        with self._changed:
            self._aborted = self._aborted or bool(self._running)
        for abortable in self._abortables:
            abortable.abort()
        for capture in self._captures():
            capture.stop()

    def wait(self) -> RunReport:
        """Wait until every thread of the run is gone.

        Raises:
            StageError: a stage failed; names it, the camera, the frame and the reason.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._running or self._drain_until_s is not None)
            if self._drain_until_s is not None:
                left_s = max(0.0, self._drain_until_s - time.monotonic())
                if not self._changed.wait_for(lambda: not self._running, left_s) and not self._aborted:
                    log.warning("not drained within %g s: the rest is dropped", self._drain_timeout_s)
                    self.stop()
        self._join()
        if self._failure is not None:
            raise stage_error(self._failure) from self._failure.error
        return RunReport(tuple(self._problems), complete=not self._aborted)

    def failed(self, failure: WorkerFailure) -> None:
        """A worker's report; the first one counts, because others follow from it."""
        with self._changed:
            if self._failure is None:
                self._failure = failure
        self.stop()

    def ended(self, worker: WorkerThread) -> None:
        """A worker's last call."""
        with self._changed:
            self._running.discard(worker)
            if isinstance(worker, CaptureWorker) and worker.problem is not None:
                self._problems.append(CameraProblem(worker.camera, worker.problem))
            self._changed.notify_all()
        self._close_when_done()

    def _start(self, worker: WorkerThread) -> None:
        with self._changed:
            self._running.add(worker)
            gone = {thread for thread in self._threads if not (thread.alive or thread in self._running)}
            self._threads = [thread for thread in self._threads if thread not in gone] + [worker]
        worker.start(self)

    def _captures(self) -> list[CaptureWorker]:
        with self._changed:
            return [worker for worker in self._running if isinstance(worker, CaptureWorker)]

    def _close_when_done(self) -> None:
        if self._ends_with_sources and not self._captures():
            self.fan_in.close()

    def _join(self) -> None:
        with self._changed:
            threads = list(self._threads)
        for thread in threads:
            thread.join()


def stage_error(failure: WorkerFailure) -> StageError:
    """The one line for the user; keeps the exit code of an error that has one."""
    known = getattr(failure.error, "exit_code", None)
    reason = str(failure.error) if known else f"{type(failure.error).__name__}: {failure.error}"
    where = f"failed at {failure.place}" if failure.place else "could not be opened"
    error = StageError(f"stage {failure.worker} {where}: {reason}")
    error.exit_code = known or error.exit_code
    return error


def _chain(
    fan_in: FanIn[Frame], channels: Sequence[Channel[Any]], steps: Sequence[Step], hooks: Sequence[WorkerHook]
) -> list[Worker[Any, Any]]:
    inboxes: list[Inbox[Any]] = [fan_in, *channels]
    outboxes: list[Outbox[Any] | None] = [*channels, None]
    return [
        Worker(step.stage, inbox, outbox, step.max_batch, hooks, step.fill_s)
        for step, inbox, outbox in zip(steps, inboxes, outboxes, strict=True)
    ]

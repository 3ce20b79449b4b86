"""Starts the threads of a run in order, and ends them: when the recordings end, when asked to, or when one fails."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from pipeline.errors import FacestreamError, StageError
from pipeline.runtime.capture_worker import CaptureWorker
from pipeline.runtime.fan_in import Entry, FanIn
from pipeline.runtime.line import Line, Step, end_without
from pipeline.runtime.measuring.tally import CameraCounts, Tally
from pipeline.runtime.restarting import StageFailures
from pipeline.runtime.restarts import RestartRules
from pipeline.runtime.watchdog import STUCK_AFTER_S, HangsError, Stuck, Watchdog
from pipeline.runtime.worker import Admit, FrameSource, Worker, WorkerHook
from pipeline.runtime.worker_thread import WorkerFailure, WorkerThread, stage_error
from pipeline.types import Frame

WATCH_S = 1.0
"""between two looks at stages that may hang"""

STOP_S = 0.7
"""how long a stop waits for threads: a batch takes less, and who asks a second time wants the program gone within a
second. What hangs then is left behind, as daemon"""

CLOSE_S = 2.0
"""the same after everything has gone through: a connection may take a second to close"""

KEPT_PROBLEMS = 100
"""of cameras that come and go for weeks"""

log = logging.getLogger(__name__)


class Abortable(Protocol):
    """Something that threads may be blocked on, other than the queues."""

    def abort(self) -> None:
        """Wake everyone with ChannelClosed. Called once or more."""
        ...


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
    left: tuple[str, ...] = ()
    """threads that hang and were left behind: stages, and cameras"""


class Supervisor:
    """The threads of one run.

    `start` opens the stages, last first, so that nothing is taken before everything behind it is ready; sources
    start last. Closing goes the other way: the fan-in closes when no source is left, each stage when its inbox
    is closed and empty. As a context manager it leaves no thread behind, but for those that hang.

    A replay ends at its first failure: everything is aborted, and `wait` raises it as a StageError. A live run, which
    is given `restarts`, goes on (restarting.RestartingStage) until a stage has failed too often or hangs. Then the
    sources stop, what is before that stage is dropped, what is behind it goes through, with every open sighting's
    end, within `drain_timeout_s`; and `wait` raises it.
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
        restarts: RestartRules | None = None,
    ) -> None:
        """The run ends when its last source has ended or, with `ends_with_sources` off, only when asked to.

        Frames that `admit` refuses are counted and never queued; it is called in the sources' threads.
        """
        self.fan_in = fan_in
        self._tally = Tally(steps[-1].stage.name, fan_in.forget)
        self._line = Line(fan_in, steps, (self._tally, *hooks), restarts)
        self.channels = self._line.channels
        self._abortables = tuple(abortables)
        self._admit = admit
        self._restarts = restarts
        self._drain_timeout_s = drain_timeout_s
        self._ends_with_sources = ends_with_sources
        self._changed = threading.Condition()
        self._threads: list[WorkerThread] = []
        self._running: set[WorkerThread] = set()
        self._problems: deque[CameraProblem] = deque(maxlen=None if ends_with_sources else KEPT_PROBLEMS)
        self._failure: WorkerFailure | None = None
        self._drain_until_s: float | None = None
        self._aborted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._join(self._drain_timeout_s)

    def start(self, sources: Sequence[FrameSource]) -> None:
        """Open the stages, then start the sources. Called once.

        Raises:
            ValueError: two sources have one name; nothing was started.
            StageError: a stage could not be opened; the others are closed again.
        """
        entries = [self.fan_in.add(source.camera) for source in sources]
        for worker in reversed(self._line.workers):
            self._start(worker)
            if self._failure is not None:
                self._join(self._drain_timeout_s)
                raise stage_error(self._failure) from self._failure.error
        captures = [self._capture(source, entry) for source, entry in zip(sources, entries, strict=True)]
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
        self._start(self._capture(source, self.fan_in.add(source.camera)))

    def remove(self, camera: str) -> None:
        """Stop a camera: its frames in flight go through, its open sightings end. Does not wait for its thread."""
        for capture in self._captures():
            if capture.camera == camera and not capture.stopping:
                self.fan_in.remove(camera, capture.frames)
                capture.stop()

    def drain(self) -> None:
        """Stop all sources and let everything in flight go through; `wait` then returns. May be called again.

        Never waits. Each camera's StreamEnd is queued at once, so that open sightings end also when a source hangs;
        a stage that waits before its restart waits no longer. What has not gone through after `drain_timeout_s` is
        dropped by `wait`.
        """
        self._set_deadline()
        self._line.hurry()
        for capture in self._captures():
            self.remove(capture.camera)
        self.fan_in.close()

    def stop(self) -> None:
        """End now: what is in flight is dropped, stages close. Never waits. May be called again, and after the end."""
        with self._changed:
            self._aborted = self._aborted or bool(self._running)
            self._changed.notify_all()
        self._line.abort()
        for abortable in self._abortables:
            abortable.abort()
        for capture in self._captures():
            capture.stop()

    def wait(self) -> RunReport:
        """Wait until every thread of the run is gone, but for those that hang.

        Raises:
            StageError: a stage failed, too often or for good; names it, the camera, the frame and the reason.
        """
        watchdog = Watchdog()
        while not self._wait_a_while():
            if self._restarts is not None:
                for hung in watchdog.look(self._line.stuck(self._restarts.hung_after_s)):
                    self._give_up(hung)
        left = self._join(STOP_S if self._aborted and self._failure is None else CLOSE_S)
        if self._failure is not None:
            error = stage_error(self._failure)
            if self._restarts is not None:
                error.exit_code = (
                    StageError.exit_code
                )  # it ran until then: whoever started it may start it again
            raise error from self._failure.error
        return RunReport(tuple(self._problems), complete=not self._aborted, left=left)

    # what is going on

    @property
    def cameras(self) -> tuple[str, ...]:
        """Those that are running, by name."""
        return tuple(sorted(capture.camera for capture in self._captures() if not capture.stopping))

    def counts(self) -> tuple[CameraCounts, ...]:
        """Where every frame of each camera went, and of all that have left together."""
        return self._tally.counts(self._line.drops())

    def failures(self) -> tuple[StageFailures, ...]:
        """How often each stage failed and was started again, in their order; nothing of a replay."""
        return self._line.failures()

    def stuck(self, after_s: float = STUCK_AFTER_S) -> tuple[Stuck, ...]:
        """Stages that have been at one batch for longer than this; after restarts.HUNG_AFTER_S the run ends."""
        return self._line.stuck(after_s)

    # what workers tell

    def failed(self, failure: WorkerFailure) -> None:
        """A worker's report; the first one counts, because others follow from it."""
        with self._changed:
            if self._failure is None:
                self._failure = failure
        if self._restarts is None:
            self.stop()
        else:
            self._end_before(failure.worker)

    def ended(self, worker: WorkerThread) -> None:
        """A worker's last call."""
        with self._changed:
            self._running.discard(worker)
            if isinstance(worker, CaptureWorker) and worker.problem is not None:
                self._problems.append(CameraProblem(worker.camera, worker.problem))
            self._changed.notify_all()
        self._close_when_done()

    # ending

    def _wait_a_while(self) -> bool:
        """Wait for the stages, to the next look at those that may hang; whether the waiting is over."""
        with self._changed:
            until_s = self._drain_until_s
            watch_s = WATCH_S if self._restarts is None else min(WATCH_S, self._restarts.hung_after_s)
            left_s = watch_s if until_s is None else min(watch_s, max(0.0, until_s - time.monotonic()))
            over = self._changed.wait_for(lambda: self._aborted or not self._stages_running(), left_s)
        if not over and until_s is not None and time.monotonic() >= until_s:
            log.warning("not drained within %g s: the rest is dropped", self._drain_timeout_s)
            self.stop()
        return over

    def _stages_running(self) -> bool:
        return any(isinstance(thread, Worker) for thread in self._running)

    def _give_up(self, hung: Stuck) -> None:
        """End the run without a stage that hangs: what is behind it is told of every camera's end."""
        error = HangsError(f"no answer for {hung.seconds:.0f} s: the program must be started again")
        worker = self._line.worker(hung.stage)
        with self._changed:
            if worker is None or worker not in self._running:
                return
            self._running.discard(worker)
            self._threads.remove(worker)  # nobody waits for it
        end_without(worker)
        self.failed(WorkerFailure(hung.stage, hung.place, error))

    def _end_before(self, stage: str) -> None:
        """Stop the sources, and drop what is before this stage and in it."""
        if self._line.worker(stage) is None:  # a camera's thread
            self.drain()
            return
        self._set_deadline()
        self._line.abort_before(stage)
        self._line.hurry()
        for capture in self._captures():
            capture.stop()

    def _set_deadline(self) -> None:
        with self._changed:
            if self._drain_until_s is None:
                self._drain_until_s = time.monotonic() + self._drain_timeout_s
            self._changed.notify_all()

    def _capture(self, source: FrameSource, entry: Entry[Frame]) -> CaptureWorker:
        capture = CaptureWorker(source, entry, self._admit, self._restarts)
        self._tally.came(capture)
        return capture

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

    def _join(self, most_s: float) -> tuple[str, ...]:
        """Wait so long at most for all threads, which have been told to end; the names of those that hang."""
        until_s = time.monotonic() + most_s
        with self._changed:
            threads, self._threads = self._threads, []
        left = tuple(thread.label for thread in threads if not thread.join(until_s))
        if left:
            log.warning("left behind, because they hang: %s", ", ".join(left))
        return left

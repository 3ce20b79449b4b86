"""A stage of a live run: what fails in it costs a frame, and a restart where that helps."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from pipeline.clock import Clock, SystemClock
from pipeline.runtime.buffer import ChannelClosed
from pipeline.runtime.place import Place, place_of
from pipeline.runtime.restarts import Failures, RestartRules
from pipeline.runtime.worker_thread import WorkerFailure, reason_of
from pipeline.stage import Stage
from pipeline.types import StreamEnd

In = TypeVar("In")
Out = TypeVar("Out")
T = TypeVar("T")

END_TRIES = 3
"""a StreamEnd owes subscribers the `end` of what is open: it is tried again where it fails, once with what the stage
kept of the camera and once without what it doubts"""

log = logging.getLogger(__name__)

Lose = Callable[[Sequence[Place]], None]
"""frames that went no further than this stage"""


class RestartsSpentError(Exception):
    """The stage failed more often than its rules allow."""

    def __init__(self, failure: WorkerFailure) -> None:
        super().__init__(str(failure.error))
        self.failure = failure


@dataclass(slots=True)
class Attempt(Generic[In, Out]):
    """What becomes of a batch."""

    passed: list[In] = field(default_factory=list)
    """items that went through, each camera's in order; the others are lost"""
    results: list[Out] = field(default_factory=list)
    busy_s: float = 0.0
    """seconds inside `process`"""


@dataclass(frozen=True, slots=True)
class Busy:
    """What a stage is at."""

    place: Place | None
    """first item of its batch; None while it is opened again"""
    since_s: float
    """of the stage's clock"""


@dataclass(frozen=True, slots=True)
class StageFailures:
    """How a stage has done so far."""

    stage: str
    failures: int
    """exceptions out of it, those of a batch that then passed item by item too"""
    restarts: int
    """times it was closed and opened again"""
    last: str | None
    """the latest failure in one line, with its place; None without one"""


class RestartingStage(Generic[In, Out]):
    """Works a stage, and goes on after it failed.

    - A batch that fails in a stage which works on its items together (`Stage.together`) is tried once more item by
      item. If some pass, those that do not are lost, and their cameras are to blame.
    - A stage that takes its items one after the other is given them so; the one that fails is lost.
    - A failure that is not one camera's own (restarts.Failures) is the stage's: it is closed, waits, and is opened
      again. Beyond the rules' number of restarts it raises RestartsSpentError.
    - What the stage keeps of a camera whose item was lost is for the stage to put right (`Stage.lost`); it keeps what
      it holds of all others.

    One thread works it. `hurry`, `halt` and what is read may come from others.
    """

    def __init__(
        self, stage: Stage[In, Out], rules: RestartRules, lose: Lose, clock: Clock | None = None
    ) -> None:
        """`lose` is told of the frames that are lost, after the log is."""
        self._stage = stage
        self._rules = rules
        self._failures = Failures(rules)
        self._lose = lose
        self._clock = clock or SystemClock()
        self._hurry = threading.Event()
        self._halted = False
        self._busy: Busy | None = None
        self._so_far = StageFailures(stage.name, 0, 0, None)
        self._untried: dict[str, int] = {}
        """items of resting cameras that were lost since the last one that was tried"""

    @property
    def so_far(self) -> StageFailures:
        """How often it failed and was opened again."""
        return self._so_far

    @property
    def busy(self) -> Busy | None:
        """What it is at now; None while it waits."""
        return self._busy

    def busy_s(self) -> float:
        """For how long it has been at that; 0 while it waits."""
        busy = self._busy
        return 0.0 if busy is None else self._clock.monotonic_s() - busy.since_s

    def hurry(self) -> None:
        """Wait no more before a restart: the run is to end."""
        self._hurry.set()

    def halt(self) -> None:
        """Restart no more: the run is stopped."""
        self._halted = True
        self._hurry.set()

    def parts(self, batch: list[In]) -> list[list[In]]:
        """What of a batch is given to `process` at once; what came of each part is to be passed on before the next."""
        return [batch] if self._stage.together else [[item] for item in batch]

    def process(self, part: Sequence[In]) -> Attempt[In, Out]:
        """Work on a part of a batch. Raises ChannelClosed, and RestartsSpentError when nothing of it passed."""
        attempt: Attempt[In, Out] = Attempt()
        tried = [item for item in part if not self._rests(item)]
        if tried and (error := self._try(tried, attempt)) is not None:
            self._sort_out(tried, error, attempt)
        return attempt

    def end(self, end: StreamEnd) -> Sequence[Out]:
        """Tell the stage of an end: always told, whatever it costs. Raises RestartsSpentError, ChannelClosed."""
        try:
            for _ in range(END_TRIES):
                try:
                    return self._working(place_of(end), lambda: self._stage.end(end))
                except ChannelClosed:
                    raise
                except Exception as error:  # noqa: BLE001 - whatever it is, the end must be told
                    self._note(place_of(end), error)
                    log.warning("stage %s %s", self._stage.name, self._so_far.last)
                    self._put_right(end.camera)
                    if not self._failures.is_own(end.camera, self._clock.monotonic_s()):
                        self._restart(place_of(end), error)
            log.error("stage %s: what it owed at the end of %s is lost", self._stage.name, end.camera)
            return ()
        finally:
            if not end.pause:
                self._failures.left(end.camera)
                self._untried.pop(end.camera, None)

    def last_end(self, end: StreamEnd) -> Sequence[Out]:
        """What the stage, which has failed for good, still owes this camera."""
        for _ in range(END_TRIES):
            try:
                return self._stage.end(end)
            except Exception as error:  # noqa: BLE001 - it has failed before; nothing more is lost by trying
                log.error("stage %s: closing %s: %s", self._stage.name, end.camera, reason_of(error))
                self._put_right(end.camera)
        return ()

    # trying

    def _try(self, items: Sequence[In], attempt: Attempt[In, Out]) -> Exception | None:
        began_s = self._clock.monotonic_s()
        try:
            results = self._working(place_of(items[0]), lambda: self._stage.process(items))
        except ChannelClosed:
            raise
        except Exception as error:  # noqa: BLE001 - a stage may raise anything; it is counted, told and lived with
            return error
        finally:
            attempt.busy_s += self._clock.monotonic_s() - began_s
        self._failures.passed(place_of(item).camera for item in items)
        attempt.passed.extend(items)
        attempt.results.extend(results)
        return None

    def _sort_out(self, batch: Sequence[In], error: Exception, attempt: Attempt[In, Out]) -> None:
        """Find out by trying each item alone who the failure of this batch belongs to."""
        if len(batch) == 1 or not self._rules.max_restarts:
            self._fail(batch[0], error)
            return
        self._note(place_of(batch[0]), error)
        log.warning(
            "stage %s %s: the items of its batch are tried alone", self._stage.name, self._so_far.last
        )
        errors = [(item, alone) for item in batch if (alone := self._try([item], attempt)) is not None]
        for item, alone in errors:
            self._give_up(item, alone)
            if attempt.passed:
                self._failures.blame(place_of(item).camera, self._clock.monotonic_s())
        if errors and not attempt.passed:
            self._restart(place_of(batch[0]), error)

    def _working(self, place: Place | None, work: Callable[[], T]) -> T:
        self._busy = Busy(place, self._clock.monotonic_s())
        try:
            return work()
        finally:
            self._busy = None

    def _rests(self, item: In) -> bool:
        """Whether this item is lost untried."""
        place = place_of(item)
        if self._failures.rests(place.camera, self._clock.monotonic_s()):
            self._untried[place.camera] = self._untried.get(place.camera, 0) + 1
            self._lose([place])
            return True
        if count := self._untried.pop(place.camera, 0):
            log.warning("stage %s lost %d frames of %s untried", self._stage.name, count, place.camera)
        return False

    # failing

    def _fail(self, item: In, error: Exception) -> None:
        """This item is lost, and the stage started again unless its camera is to blame."""
        place = place_of(item)
        self._give_up(item, error)
        if not self._failures.is_own(place.camera, self._clock.monotonic_s()):
            self._restart(place, error)

    def _give_up(self, item: In, error: Exception) -> None:
        place = place_of(item)
        self._note(place, error)
        log.warning("stage %s lost %s: %s", self._stage.name, place, reason_of(error))
        self._put_right(place.camera)
        self._lose([place])

    def _restart(self, place: Place | None, error: Exception) -> None:
        """Close the stage, wait, and open it again, as often as it takes and the rules allow."""
        while True:
            verdict = self._failures.of_stage(self._clock.monotonic_s())
            if verdict.spent:
                failure = WorkerFailure(self._stage.name, place, error, verdict.times)
                raise RestartsSpentError(failure) from error
            log.warning("stage %s is started again in %.1f s", self._stage.name, verdict.wait_s)
            self._close()
            self._clock.wait(self._hurry, verdict.wait_s)
            if self._halted:
                raise ChannelClosed(self._stage.name)
            try:
                self._working(None, self._stage.open)
            except Exception as again:  # noqa: BLE001 - it is one more failure
                self._note(None, again)
                log.warning("stage %s %s", self._stage.name, self._so_far.last)
                place, error = None, again
            else:
                self._so_far = replace(self._so_far, restarts=self._so_far.restarts + 1)
                return

    def _note(self, place: Place | None, error: Exception) -> None:
        where = "could not be opened" if place is None else f"failed at {place}"
        self._so_far = replace(
            self._so_far, failures=self._so_far.failures + 1, last=f"{where}: {reason_of(error)}"
        )
        log.debug("stage %s", self._stage.name, exc_info=error)

    def _put_right(self, camera: str) -> None:
        try:
            self._stage.lost(camera)
        except Exception as error:  # noqa: BLE001 - a second failure while the first is dealt with
            log.error("stage %s: forgetting %s: %s", self._stage.name, camera, reason_of(error))

    def _close(self) -> None:
        try:
            self._stage.close()
        except Exception as error:  # noqa: BLE001 - it is opened again anyway
            log.error("stage %s could not be closed: %s", self._stage.name, reason_of(error))

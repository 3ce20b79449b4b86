"""The thread of a stage, and what it is given. The loop is small; what counts, reports and restarts stands beside."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

from pipeline.runtime.channel import Inbox, Outbox
from pipeline.runtime.place import Place, place_of
from pipeline.runtime.restarting import Attempt, RestartingStage, RestartsSpentError
from pipeline.runtime.restarts import RestartRules
from pipeline.runtime.worker_thread import WorkerFailure, WorkerThread, reason_of
from pipeline.stage import Stage
from pipeline.types import Frame, FrameInfo, StreamEnd

log = logging.getLogger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")
T = TypeVar("T")


class FrameSource(Protocol):
    """A camera or a recording, opened already."""

    @property
    def camera(self) -> str:
        """Name of the camera, unique in a run."""
        ...

    def frames(self) -> Iterator[Frame | StreamEnd]:
        """Frames in order, each with this camera's name. Blocks as long as the next takes; ends soon after `close`.

        A live camera that is away for now says so with a StreamEnd that is a pause; frames after it have higher
        indices and pts_s than those before. Called again only where a bug ended it, in a live run: then it goes on
        like that.

        Raises:
            FacestreamError: it cannot be read, or no further. Frames given until then count.
        """
        ...

    def close(self) -> None:
        """Release everything and end `frames`. From any thread, at any time, once or more. Never raises."""
        ...


Admit = Callable[[FrameInfo], bool]
"""whether a frame that was decoded is to be looked at; called in the thread of its camera, in frame order"""


class WorkerHook:
    """Called by workers, in their threads; a subclass overrides what it wants to know. Must be quick."""

    def after_open(self, worker: str, seconds: float) -> None:
        """The stage is open and the worker is about to take its first batch."""

    def after_batch(self, worker: str, batch: Sequence[Any], results: Sequence[Any], seconds: float) -> None:
        """`batch` was turned into `results` in this time; they are passed on next."""

    def after_loss(self, worker: str, places: Sequence[Place]) -> None:
        """These frames failed in this stage, or their camera rests there, and go no further (live only)."""

    def after_end(self, worker: str, end: StreamEnd) -> None:
        """The worker has nothing more to do with this camera, and passes its StreamEnd on next."""


class Worker(WorkerThread, Generic[In, Out]):
    """Runs one stage: takes batches, passes answers on, ends when its inbox does."""

    def __init__(
        self,
        stage: Stage[In, Out],
        inbox: Inbox[In],
        outbox: Outbox[Out] | None,
        max_batch: int,
        hooks: Sequence[WorkerHook] = (),
        fill_s: float = 0.0,
        restarts: RestartRules | None = None,
    ) -> None:
        """Without an outbox the answers are forgotten; `fill_s` is how long a batch may wait to fill (live only).

        `restarts`: a stage that fails goes on (restarting.RestartingStage); None: its first failure ends the run.
        """
        super().__init__(stage.name)
        self._stage = stage
        self._inbox = inbox
        self._outbox = outbox
        self._max_batch = max_batch
        self._hooks = list(hooks)
        self._fill_s = fill_s
        self.live = None if restarts is None else RestartingStage(stage, restarts, self._lose)
        """the stage as it is worked in a run that restarts stages, for those who watch it"""
        self._frames: dict[str, int] = {}
        """of each camera that came here and has not ended: one more than its last frame's index"""

    def tell_ends(self, problem: str) -> None:
        """End every camera on behalf of the stage, which will not: what is behind it closes what is open.

        By the worker's own thread when its stage failed for good, or by another when it hangs.
        """
        for camera, frames in list(self._frames.items()):
            end = StreamEnd(camera, frames, problem)
            owed = self.live.last_end(end) if self.live is not None and self.live.busy is None else ()
            self._pass_on([*owed, end])
        if self._outbox is not None:
            self._outbox.close()

    def _work(self) -> None:
        began_s = time.perf_counter()
        self._stage.open()
        self._tell(lambda hook: hook.after_open(self.name, time.perf_counter() - began_s))
        self._ready.set()
        try:
            while True:
                for part in split_at_ends(self._inbox.take(self._max_batch, self._fill_s)):
                    if isinstance(part, StreamEnd):
                        self._end(part)
                    else:
                        self._process(part)
        except RestartsSpentError:
            self.tell_ends(f"stage {self.name} failed")
            raise

    def _process(self, batch: list[In]) -> None:
        self._place = place_of(batch[0])
        if self.live is None:
            began_s = time.perf_counter()
            results = self._stage.process(batch)
            self._done(Attempt(batch, list(results), time.perf_counter() - began_s))
            return
        self._meet(batch)
        for part in self.live.parts(batch):
            self._done(self.live.process(part))

    def _done(self, attempt: Attempt[In, Out]) -> None:
        if attempt.passed:
            self._tell(
                lambda hook: hook.after_batch(self.name, attempt.passed, attempt.results, attempt.busy_s)
            )
        self._pass_on(attempt.results)

    def _end(self, end: StreamEnd) -> None:
        self._place = place_of(end)
        results = self._stage.end(end) if self.live is None else self.live.end(end)
        if not end.pause:
            self._frames.pop(end.camera, None)
        self._tell(lambda hook: hook.after_end(self.name, end))
        self._pass_on([*results, end])

    def _meet(self, batch: Sequence[In]) -> None:
        for item in batch:
            place = place_of(item)
            self._frames[place.camera] = (place.frame_index or 0) + 1

    def _lose(self, places: Sequence[Place]) -> None:
        self._tell(lambda hook: hook.after_loss(self.name, places))

    def _tell(self, tell: Callable[[WorkerHook], None]) -> None:
        """Call every hook; in a live run one that fails is told nothing more, and costs no frame."""
        for hook in list(self._hooks):
            try:
                tell(hook)
            except Exception as error:
                if self.live is None:
                    raise
                log.error("%s of stage %s: %s", type(hook).__name__, self.name, reason_of(error))
                self._hooks.remove(hook)

    def _pass_on(self, results: Sequence[Out | StreamEnd]) -> None:
        if self._outbox is not None:
            for result in results:
                self._outbox.put(result)

    def _failure(self, error: Exception) -> WorkerFailure:
        return error.failure if isinstance(error, RestartsSpentError) else super()._failure(error)

    def _release(self) -> None:
        try:
            self._stage.close()
        finally:
            if self._outbox is not None:
                self._outbox.close()


def split_at_ends(batch: Sequence[T | StreamEnd]) -> Iterator[list[T] | StreamEnd]:
    """The batch in order, as runs of items (never empty) with the StreamEnds between them.

    >>> end = StreamEnd("door", 2)
    >>> list(split_at_ends([1, 2, end, 3])) == [[1, 2], end, [3]]
    True
    """
    run: list[T] = []
    for item in batch:
        if isinstance(item, StreamEnd):
            if run:
                yield run
            run = []
            yield item
        else:
            run.append(item)
    if run:
        yield run

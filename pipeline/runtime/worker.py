"""The threads of a run: one a stage, one a camera. The loops are small; what counts and reports stands beside."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pipeline.errors import FacestreamError
from pipeline.runtime.buffer import ChannelClosed
from pipeline.runtime.channel import Inbox, Outbox
from pipeline.runtime.place import Place, place_of
from pipeline.stage import Stage
from pipeline.types import Frame, FrameInfo, StreamEnd

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
        indices and pts_s than those before.

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

    def after_end(self, worker: str, end: StreamEnd) -> None:
        """The worker has nothing more to do with this camera, and passes its StreamEnd on next."""


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """The first thing that went wrong in a worker."""

    worker: str
    """name of the stage, or `capture`"""
    place: Place | None
    """first item of the batch that was being worked on last; None while opening"""
    error: Exception


class Overseer(Protocol):
    """Who hears of a worker's end. Called in the worker's thread."""

    def failed(self, failure: WorkerFailure) -> None:
        """The worker stops because of this; `ended` follows."""
        ...

    def ended(self, worker: WorkerThread) -> None:
        """The worker's last call, after a failure too."""
        ...


class WorkerThread(ABC):
    """A thread that tells its overseer how it ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._thread = threading.Thread(target=self._run, name=f"facestream-{name}")
        self._ready = threading.Event()
        self._place: Place | None = None
        self._overseer: Overseer | None = None

    def start(self, overseer: Overseer) -> None:
        """Start the thread and wait until it is ready for work, or has failed to get there."""
        self._overseer = overseer
        self._thread.start()
        self._ready.wait()

    @property
    def alive(self) -> bool:
        """Whether the thread is running."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait until the thread is gone; at once if it never started."""
        if self._thread.ident is not None:
            self._thread.join()

    @abstractmethod
    def _work(self) -> None:
        """What the thread is for; sets `_ready` once it can take work."""

    def _release(self) -> None:  # noqa: B027 - not every thread holds something
        """Close what the thread acquired and tell those behind it that nothing more comes."""

    def _run(self) -> None:
        assert self._overseer is not None
        try:
            try:
                self._work()
            finally:
                self._release()
        except ChannelClosed:
            pass  # the stream ended or the run was stopped: either way this thread is done
        except Exception as error:  # noqa: BLE001 - a stage may raise anything; the overseer turns it into one line
            self._overseer.failed(WorkerFailure(self.name, self._place, error))
        finally:
            self._ready.set()
            self._overseer.ended(self)


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
    ) -> None:
        """Without an outbox the answers are forgotten; `fill_s` is how long a batch may wait to fill (live only)."""
        super().__init__(stage.name)
        self._stage = stage
        self._inbox = inbox
        self._outbox = outbox
        self._max_batch = max_batch
        self._hooks = hooks
        self._fill_s = fill_s

    def _work(self) -> None:
        began_s = time.perf_counter()
        self._stage.open()
        for hook in self._hooks:
            hook.after_open(self.name, time.perf_counter() - began_s)
        self._ready.set()
        while True:
            for part in split_at_ends(self._inbox.take(self._max_batch, self._fill_s)):
                if isinstance(part, StreamEnd):
                    self._end(part)
                else:
                    self._process(part)

    def _process(self, batch: list[In]) -> None:
        self._place = place_of(batch[0])
        began_s = time.perf_counter()
        results = self._stage.process(batch)
        busy_s = time.perf_counter() - began_s
        for hook in self._hooks:
            hook.after_batch(self.name, batch, results, busy_s)
        self._pass_on(results)

    def _end(self, end: StreamEnd) -> None:
        self._place = place_of(end)
        results = self._stage.end(end)
        for hook in self._hooks:
            hook.after_end(self.name, end)
        self._pass_on([*results, end])

    def _pass_on(self, results: Sequence[Out | StreamEnd]) -> None:
        if self._outbox is not None:
            for result in results:
                self._outbox.put(result)

    def _release(self) -> None:
        try:
            self._stage.close()
        finally:
            if self._outbox is not None:
                self._outbox.close()


class CaptureWorker(WorkerThread):
    """Reads one source: its frames, then its StreamEnd, with the problem in it when the source broke off."""

    def __init__(self, source: FrameSource, outbox: Outbox[Frame], admit: Admit | None = None) -> None:
        """Frames that `admit` refuses are counted and go no further; None: all are admitted."""
        super().__init__("capture")
        self.camera = source.camera
        self.problem: FacestreamError | None = None
        """why the source broke off; set before `ended` is called"""
        self.decoded = 0
        """frames so far that were put or skipped"""
        self.skipped = 0
        """frames so far that were not admitted"""
        self.frames = 0
        """one more than the index of the last frame decoded"""
        self._source = source
        self._outbox = outbox
        self._admit = admit
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ask the thread to end after the frame it is reading; what it read goes through."""
        self._stopping.set()
        self._source.close()

    def _work(self) -> None:
        self._ready.set()
        self._place = Place(self.camera, None)
        try:
            for item in self._source.frames():
                if isinstance(item, StreamEnd):
                    self._outbox.put(item)
                else:
                    self._give(item)
                if self._stopping.is_set():
                    break
        except FacestreamError as error:
            self.problem = error
        problem = None if self.problem is None else str(self.problem)
        self._outbox.put(StreamEnd(self.camera, self.frames, problem))

    def _give(self, frame: Frame) -> None:
        if self._admit is None or self._admit(frame.info):
            self._outbox.put(frame)
        else:
            self.skipped += 1
        self.decoded += 1
        self._place = place_of(frame)
        self.frames = frame.info.index + 1

    def _release(self) -> None:
        self._source.close()


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

"""A thread of a run, which tells how it ended."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

from pipeline.errors import StageError
from pipeline.runtime.buffer import ChannelClosed
from pipeline.runtime.place import Place


@dataclass(frozen=True, slots=True)
class WorkerFailure:
    """What a worker ended of."""

    worker: str
    """name of the stage, or `capture`"""
    place: Place | None
    """first item of the batch that was being worked on last; None while opening"""
    error: Exception
    times: int = 1
    """failures within the window in which restarts are counted"""


class Overseer(Protocol):
    """Who hears of a worker's end. Called in the worker's thread."""

    def failed(self, failure: WorkerFailure) -> None:
        """The worker stops because of this; `ended` follows."""
        ...

    def ended(self, worker: WorkerThread) -> None:
        """The worker's last call, after a failure too."""
        ...


class WorkerThread(ABC):
    """A thread that tells its overseer how it ended.

    A daemon: one that hangs in a library cannot be ended, and must not keep the program.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._thread = threading.Thread(target=self._run, name=f"facestream-{name}", daemon=True)
        self._ready = threading.Event()
        self._place: Place | None = None
        self._overseer: Overseer | None = None

    @property
    def label(self) -> str:
        """Which it is, for people."""
        return f"stage {self.name}"

    def start(self, overseer: Overseer) -> None:
        """Start the thread and wait until it is ready for work, or has failed to get there."""
        self._overseer = overseer
        self._thread.start()
        self._ready.wait()

    @property
    def alive(self) -> bool:
        """Whether the thread is running."""
        return self._thread.is_alive()

    def join(self, until_s: float | None = None) -> bool:
        """Wait until the thread is gone, or time.monotonic() is `until_s`; whether it is gone, or never started."""
        if self._thread.ident is not None:
            self._thread.join(None if until_s is None else max(0.0, until_s - time.monotonic()))
        return not self._thread.is_alive()

    @abstractmethod
    def _work(self) -> None:
        """What the thread is for; sets `_ready` once it can take work."""

    def _release(self) -> None:  # noqa: B027 - not every thread holds something
        """Close what the thread acquired and tell those behind it that nothing more comes."""

    def _failure(self, error: Exception) -> WorkerFailure:
        return WorkerFailure(self.name, self._place, error)

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
            self._overseer.failed(self._failure(error))
        finally:
            self._ready.set()
            self._overseer.ended(self)


def reason_of(error: Exception) -> str:
    """An error in one line: its own words where it is ours, its type and words where it is not."""
    words = " ".join(str(error).split())
    return words if getattr(error, "exit_code", None) else f"{type(error).__name__}: {words}"


def stage_error(failure: WorkerFailure) -> StageError:
    """The one line for the user; keeps the exit code of an error that has one."""
    where = f"failed at {failure.place}" if failure.place else "could not be opened"
    often = f", after {failure.times - 1} restarts" if failure.times > 1 else ""
    error = StageError(f"stage {failure.worker} {where}: {reason_of(failure.error)}{often}")
    error.exit_code = getattr(failure.error, "exit_code", None) or error.exit_code
    return error

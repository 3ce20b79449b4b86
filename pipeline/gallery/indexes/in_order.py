"""Work that is done behind its owner's back, in order, and a lock that it shares fairly with who is in a hurry."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Condition, Event, Lock, Thread
from typing import Generic, TypeVar

Work = TypeVar("Work")


class Turns:
    """A lock whose holder, when it wants it again, comes after whoever waited meanwhile.

    A plain lock would go back to the thread that just released it, time and again, as it never sleeps: a search
    would wait for a whole gallery to be linked instead of for one template.
    """

    def __init__(self) -> None:
        self._next = Lock()
        self._held = Lock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Hold the lock."""
        with self._next:
            self._held.acquire()
        try:
            yield
        finally:
            self._held.release()


class InOrder(Generic[Work]):
    """Does work one piece after the other, in a thread that lives while there is some.

    Nothing waits for all of it when the program ends: what it does can be done again. The step at hand is waited for,
    since a thread that is in a library when the interpreter goes would end the program with an abort.
    """

    def __init__(self, name: str, do: Callable[[Work], Iterable[None]]) -> None:
        """`do` goes through a work's steps, and yields after each; it may raise RuntimeError or MemoryError.

        What follows a work that failed is left undone.
        """
        self._name = name
        self._do = do
        self._changed = Condition()
        self._left: deque[Work] = deque()
        self._running = False
        self._failed: RuntimeError | MemoryError | None = None
        self._ending, self._at_work = Event(), Lock()
        weakref.finalize(self, _end, self._ending, self._at_work)  # also when the interpreter exits

    def submit(self, work: Work) -> None:
        """Have this done after everything that was submitted before."""
        with self._changed:
            self._left.append(work)
            if not self._running and self._failed is None:
                self._running = True
                Thread(target=self._run, name=self._name, daemon=True).start()

    def settle(self) -> None:
        """Wait until everything is done. Raises RuntimeError where a piece failed."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running)
            if self._failed is not None:
                raise RuntimeError(f"{self._name}: {self._failed}") from self._failed

    def _run(self) -> None:
        with self._at_work:
            while not self._ending.is_set() and (work := self._following()) is not None:
                try:
                    for _ in self._do(work):
                        if self._ending.is_set():
                            return
                except (
                    RuntimeError,
                    MemoryError,
                ) as error:  # what hnswlib and numpy raise where memory runs out
                    self._stop(error)
                    return

    def _following(self) -> Work | None:
        with self._changed:
            if self._left:
                return self._left.popleft()
            self._running = False
            self._changed.notify_all()
            return None

    def _stop(self, error: RuntimeError | MemoryError) -> None:
        with self._changed:
            self._failed, self._running = error, False
            self._changed.notify_all()


def _end(ending: Event, at_work: Lock) -> None:
    """Have the thread stop after the step at hand, and wait for it."""
    ending.set()
    with at_work:
        pass

"""What a fake driver keeps account of: calls and which of them fail, the threads inside, what was not given back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from engines.backends.cuda.driver import OutOfDeviceMemoryError
from engines.backends.cuda.fake_gpu import Block, FakeEvent, FakeGpu, FakeStream, MisuseError, Work
from engines.errors import BackendError


@dataclass(frozen=True, slots=True)
class Failure:
    """The n-th call of a method fails, as a GPU's may."""

    call: str
    """a method of Driver; "allocate_device" fails for want of memory"""
    nth: int
    """from 1, over all of the driver's life"""


@dataclass(eq=False, slots=True)
class FakeGraph:
    """Captured work."""

    works: tuple[Work, ...]
    freed: bool = False


@dataclass(eq=False, slots=True)
class FakeModule:
    """Any image is one: it has the kernels of the GPU."""

    freed: bool = False


Thing = Block | FakeStream | FakeEvent | FakeGraph | FakeModule


class FakeAccounts:
    """The half of the fake driver that does nothing on the device."""

    def __init__(self, device: FakeGpu, failures: tuple[Failure, ...] = ()) -> None:
        self.gpu = device.index
        self.device = device
        self.calls: Counter[str] = Counter()
        """how often each method was called"""
        self.leaks: tuple[str, ...] = ()
        """what was not freed before `close`"""
        self._failures = failures
        self._held: list[tuple[str, Thing]] = []
        self._open = False
        self._inside: Counter[int] = Counter()

    def open(self) -> None:
        """Take hold of the GPU."""
        if self._open:
            raise MisuseError("open is called twice")
        self._count("open")
        self._open = True
        self.leaks = ()

    def close(self) -> None:
        """Let go of the GPU and say in `leaks` what was not freed."""
        if any(self._inside.values()):
            raise MisuseError("close is called while a thread is inside current()")
        if self._open:
            self.leaks = tuple(what for what, _ in self._held)
            self._held.clear()
            self._open = False

    @contextmanager
    def current(self) -> Iterator[None]:
        """Makes the context the calling thread's, inside."""
        if not self._open:
            raise MisuseError("current is called before open or after close")
        thread = threading.get_ident()
        self._inside[thread] += 1
        try:
            yield
        finally:
            self._inside[thread] -= 1

    @contextmanager
    def _call(self, name: str, works: bool = False) -> Iterator[None]:
        """A call's frame: who may make it, and whether it fails. `works`: it may be part of a capture."""
        with self.device.lock:
            if not self._open:
                raise MisuseError(f"{name} is called before open or after close")
            if not self._inside[threading.get_ident()]:
                raise MisuseError(f"{name} is called by a thread that is not inside current()")
            if not works and self._capturing():
                raise MisuseError(f"{name} is called during a capture, which it spoils")
            self._count(name)
            yield

    def _count(self, name: str) -> None:
        self.calls[name] += 1
        if Failure(name, self.calls[name]) in self._failures:
            for stream in self._capturing():
                stream.spoilt = True
            if name == "allocate_device":
                raise OutOfDeviceMemoryError(f"{self.device.name}: out of memory, as asked for")
            raise BackendError(f"{self.device.name}: {name} failed, as asked for")

    def _capturing(self) -> list[FakeStream]:
        """Streams that this thread captures."""
        mine = threading.get_ident()
        return [
            each for each in self.device.streams if each.captured is not None and each.captured_by == mine
        ]

    def _hold(self, what: str, thing: Thing) -> None:
        self._held.append((what, thing))

    def _release(self, thing: Thing, give_back: Callable[[], None] | None = None) -> None:
        """Take a thing off the list and mark it freed, by `give_back` where freeing is more than a mark."""
        for at, (_, held) in enumerate(self._held):
            if held is thing:
                if give_back is None:
                    thing.freed = True
                else:
                    give_back()
                del self._held[at]
                return
        raise MisuseError(f"a {type(thing).__name__} is freed that this driver does not hold; freed before?")

    @staticmethod
    def _usable(thing: Thing) -> None:
        if thing.freed:
            raise MisuseError(f"a {type(thing).__name__} is used after it was freed")

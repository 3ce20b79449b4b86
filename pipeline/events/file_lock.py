"""Advisory locks on files (flock): the kernel lets go of them when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_S = 0.01


@contextmanager
def locked(path: Path, *, shared: bool = False, timeout_s: float = 0.0) -> Iterator[int]:
    """Hold the lock of this file, which is made where it is missing; gives the open descriptor.

    A child that is given the descriptor holds the lock with us, and goes on when we let go. Raises TimeoutError
    when others hold the lock for longer than `timeout_s`, OSError when the file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, path, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, timeout_s)
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether anybody holds the lock of this file."""
    try:
        with locked(path):
            return False
    except TimeoutError:
        return True


def _take(descriptor: int, path: Path, kind: int, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TimeoutError(f"{path} has been locked by others for {timeout_s:g} s") from None
        time.sleep(POLL_S)

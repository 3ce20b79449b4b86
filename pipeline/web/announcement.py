"""Where a running monitor is found: its address and token in the data folder, for as long as it runs.

The lock beside the file tells whether the monitor lives: the kernel lets go of it however the monitor ends, so that the
file of one that was killed is known to be stale, whoever has its process number by then.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.clock import utc_text
from pipeline.errors import OutsideError
from pipeline.events.file_lock import locked

FILE, LOCK = "monitor.json", "monitor.lock"
LOCK_TIMEOUT_S = 1.0
"""who looks for a monitor holds the lock for a moment"""


@dataclass(frozen=True, slots=True)
class Announcement:
    """How to reach a running monitor."""

    address: str
    """http://host:port"""
    token: str = field(repr=False)
    """what requests carry as `Authorization: Bearer`"""
    pid: int
    started_at: datetime
    """UTC"""


@contextmanager
def only_monitor(data: Path) -> Iterator[None]:
    """Be the one monitor of this data folder.

    Two would number the same sightings and publish over each other. Raises OutsideError where there is one already,
    or the folder cannot be written.
    """
    with ExitStack() as held:
        try:
            held.enter_context(locked(data / LOCK, timeout_s=LOCK_TIMEOUT_S))
        except TimeoutError as error:
            raise OutsideError(
                f"a monitor of {data} is running{_pid_of(data)}; stop it, or name another folder with --data"
            ) from error
        except OSError as error:
            raise OutsideError(
                f"{data / LOCK} cannot be written: {error.strerror}; name another folder with --data"
            ) from error
        yield


@contextmanager
def announced(data: Path, announcement: Announcement) -> Iterator[None]:
    """Have the monitor's address and token in the data folder, for its owner alone to read."""
    path = data / FILE
    text = json.dumps(
        {
            "address": announcement.address,
            "token": announcement.token,
            "pid": announcement.pid,
            "started_at": utc_text(announcement.started_at),
        }
    )
    part = path.with_name(f".{FILE}.part")
    try:
        part.unlink(missing_ok=True)  # a killed monitor's; what is made anew has our owner and mode
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text + "\n")
        os.replace(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise OutsideError(f"{path} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def find_monitor(data: Path) -> Announcement | None:
    """The monitor that runs on this data folder, if one does.

    Raises OutsideError where it belongs to another user, or has said something that is not understood.
    """
    path = data / FILE
    try:
        if _is_free(data / LOCK):
            return None
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutsideError(
            f"{path} cannot be read: {error.strerror}; ask as the user that runs the monitor"
        ) from error
    try:
        return TypeAdapter(Announcement).validate_json(text)
    except ValidationError as error:
        raise OutsideError(f"{path} is not understood; restart the monitor") from error


def _is_free(lock: Path) -> bool:
    """Whether nobody holds the lock. Raises FileNotFoundError where there is none, and makes none."""
    lock.stat()
    try:
        with locked(lock, shared=True):
            return True
    except TimeoutError:
        return False


def _pid_of(data: Path) -> str:
    try:
        found = find_monitor(data)
    except OutsideError:
        return ""
    return "" if found is None else f" (process {found.pid})"

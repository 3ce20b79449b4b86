"""Changing the cameras file: one at a time, whole or not at all, and as private as it was."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from config.cameras import Camera, parse_cameras
from config.cameras_text import NEW_FILE
from config.text_file import read_text
from pipeline.errors import BadInputError, OutsideError
from pipeline.events.file_lock import locked

LOCK_TIMEOUT_S = 5.0
PRIVATE = 0o600
"""of a new file: it holds passwords"""


def edit_cameras(path: Path, change: Callable[[str, str], str]) -> tuple[Camera, ...]:
    """Change the file's text by `change(text, name)`, and give the cameras that it then has.

    A file that is missing begins as NEW_FILE. Owner and mode stay. Raises ConfigError where the text or the change
    is wrong, BadInputError where there is no such place, OutsideError where it cannot be written.
    """
    real = path.resolve()  # a link stays one
    if not real.parent.is_dir():
        raise BadInputError(f"{path}: there is no folder {real.parent}; make it first")
    if real.exists() and not real.is_file():
        raise BadInputError(f"{path}: is no file; name another with --set cameras.file=FILE")
    with ExitStack() as held:
        try:
            held.enter_context(locked(real.with_name(f".{real.name}.lock"), timeout_s=LOCK_TIMEOUT_S))
        except TimeoutError as error:
            raise OutsideError(
                f"{path}: another program has been changing it for {LOCK_TIMEOUT_S:g} s"
            ) from error
        except OSError as error:
            raise OutsideError(f"{path}: cannot be changed: {error.strerror}") from error
        text = read_text(real, "") if real.exists() else NEW_FILE
        changed = change(text, str(path))
        cameras = parse_cameras(changed, str(path)).cameras
        if changed != text:
            _replace(path, real, changed)
        return cameras


def _replace(path: Path, real: Path, text: str) -> None:
    """Put the text in the file's place. Raises OutsideError."""
    part = real.with_name(f".{real.name}.part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            if real.exists():
                _take_after(real, stream.fileno())
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, real)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        hints = {
            errno.EBUSY: "it is mounted by itself; mount its folder instead",
            errno.EPERM: "it belongs to another user; run as that user",
        }
        hint = hints.get(error.errno or 0, "it is as it was")
        raise OutsideError(f"{path}: cannot be written: {error.strerror}; {hint}") from error


def _take_after(real: Path, descriptor: int) -> None:
    """Give a new file the old one's owner and mode. Raises PermissionError."""
    old, new = real.stat(), os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o777)

"""The audit file: what was erased, exported or restored and when, without a name and without biometric data.

DATA/audit.jsonl is only ever appended to, a line of JSON each. What erases writes a line before it begins and one
when it is done: a disk that is full stops it before anything is gone, and a line of `begun` without one of `done`
tells of a program that was killed on its way.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from io import FileIO
from pathlib import Path

from pipeline.errors import StoreError

AUDIT_FILE = "audit.jsonl"
FORGET = "forget"


class Step(StrEnum):
    """How far what a line tells of has come."""

    BEGUN = "begun"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class AuditLine:
    """What happened. Whoever writes one puts ids, counts and paths into it: never a name, a vector or a picture."""

    what: str
    """forget, expire, backup, restore, export, ..."""
    step: Step = Step.DONE
    person: str | None = None
    """id; random, and never given twice"""
    stranger: str | None = None
    """id, where it is about somebody whom nobody has named"""
    file: Path | None = None
    """that was written or read"""
    also: tuple[str, ...] = ()
    """ids under which the same person may stand in older backups: of people and strangers merged into them"""
    erased: Mapping[str, int] | None = None
    """what -> how many; None for what erases nothing"""
    proved: bool | None = None
    """whether nothing of them was found afterwards; None: not looked for"""
    left: tuple[str, ...] = ()
    """where something is, or may be, and what to do about it"""

    def text(self, at: datetime) -> str:
        """The line, with its end."""
        told: dict[str, object] = {
            "at": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z",
            "what": self.what,
            "step": self.step.value,
        }
        if self.person is not None:
            told["person"] = self.person
        if self.stranger is not None:
            told["stranger"] = self.stranger
        if self.file is not None:
            told["file"] = str(self.file)
        if self.also:
            told["also"] = list(self.also)
        if self.erased is not None:
            told |= {"erased": dict(self.erased), "proved": self.proved, "left": list(self.left)}
        return json.dumps(told) + "\n"


@dataclass(frozen=True, slots=True)
class Noted:
    """A line of the file."""

    at: datetime
    """UTC"""
    line: AuditLine


def note(data: Path, line: AuditLine, at: datetime) -> None:
    """Append a line; it is on the disk when this returns. Raises StoreError.

    `at`: UTC. A line that was cut short by a crash or a full disk is ended first, so that this one is whole.
    """
    with _opened(data) as file:
        _append(file.fileno(), line.text(at).encode())
        os.fsync(file)


def take_over(data: Path, content: bytes) -> None:
    """Append the lines of another audit file that are not in this one, as a backup's. Raises StoreError."""
    with _opened(data) as file:
        known = set(file.read().splitlines())
        missing = [line for line in content.splitlines() if line and line not in known]
        if missing:
            _append(file.fileno(), b"".join(line + b"\n" for line in missing))
            os.fsync(file)


def forgotten_in(data: Path) -> tuple[Noted, ...]:
    """Whom this data folder's gallery forgot, or began to: a line each time. Raises StoreError."""
    path = data / AUDIT_FILE
    try:
        lines = path.read_bytes().splitlines() if path.exists() else []
    except OSError as error:
        raise StoreError(f"{path}: {(error.strerror or 'not readable').lower()}; make it readable") from error
    found = [_forgotten(line) for line in lines]
    return tuple(line for line in found if line is not None)


def unfinished(data: Path) -> tuple[str, ...]:
    """Ids of those whose forgetting was cut short, or left something somewhere: to be forgotten again.

    For `doctor`. Raises StoreError.
    """
    last = {noted.line.person or noted.line.stranger: noted.line for noted in forgotten_in(data)}
    return tuple(one for one, line in last.items() if one and (line.step is Step.BEGUN or line.left))


@contextmanager
def _opened(data: Path) -> Iterator[FileIO]:
    """The file, made if it is missing, for one program at a time. Raises StoreError, also for what is done with it."""
    path = data / AUDIT_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with FileIO(descriptor, "r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
    except OSError as error:
        reason = (error.strerror or "not usable").lower()
        raise StoreError(
            f"{path}: {reason}; what is erased must be written down here: make room, or make it writable, "
            "and run this again"
        ) from error


def _append(descriptor: int, text: bytes) -> None:
    size = os.lseek(descriptor, 0, os.SEEK_END)
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        text = b"\n" + text
    while text:
        text = text[os.write(descriptor, text) :]


def _forgotten(line: bytes) -> Noted | None:
    """The line of somebody who was forgotten; None for any other, and for one that is not whole."""
    try:
        told = json.loads(line)
        if not isinstance(told, dict) or told.get("what") != FORGET:
            return None
        at = datetime.fromisoformat(told["at"])
        step = Step(told["step"])
    except (ValueError, KeyError, TypeError):
        return None
    ids = [told.get(key) for key in ("person", "stranger")]
    person, stranger = (one if isinstance(one, str) else None for one in ids)
    also = told.get("also")
    kept = tuple(one for one in also if isinstance(one, str)) if isinstance(also, list) else ()
    left = told.get("left")
    places = tuple(one for one in left if isinstance(one, str)) if isinstance(left, list) else ()
    return Noted(at.astimezone(UTC), AuditLine(FORGET, step, person, stranger, also=kept, left=places))

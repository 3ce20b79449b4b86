"""Which sightings of cameras are open, on disk: what the next monitor has to close where this one is killed.

    <data>/open_sightings.jsonl    {"runs": [[camera, run], ...]}, then the last event of each open sighting

The spool tells of each event exactly, but only for a while after it was published, and the gallery's database may lag
behind and does not hear of every `update`. This file is written when something has changed, once a second at most; what
is newer lies in the spool.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import OutsideError
from pipeline.events.delivery.refusals import reason
from pipeline.events.encode import EventFormatError, decode, encode
from pipeline.events.event import EventType, IdentityEvent
from pipeline.gallery.sightings.sighting_records import RunOfCamera

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenNotes:
    """What a monitor notes of what is open."""

    runs: frozenset[RunOfCamera] = frozenset()
    """its cameras' runs: it alone tells of their sightings"""
    last: tuple[IdentityEvent, ...] = ()
    """the last event of each sighting that it has told of and not ended; an `end` was not yet kept as such"""


NOTHING_NOTED = OpenNotes()


class OpenSightings:
    """A sink that follows which sightings are open. `write` is called now and then, on another thread."""

    def __init__(self, path: Path, runs: Mapping[str, str]) -> None:
        """`runs`: camera -> its run; its owner changes it, from any thread."""
        self._path = path
        self._runs = runs
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        """apart: a disk that is slow must not hold up who publishes"""
        self._open: dict[str, IdentityEvent] = {}
        self._ended: dict[str, IdentityEvent] = {}
        """since the last `write`: written once more, because their `end` may not be on disk yet"""
        self._left = NOTHING_NOTED
        self._written: OpenNotes | None = None
        self._is_read = False

    def read(self) -> OpenNotes:
        """What an earlier monitor noted. Raises OutsideError. Until `leave` is called, nothing is written over it."""
        return read_notes(self._path)

    def open(self) -> None:
        """Nothing to acquire."""

    def publish(self, events: Sequence[IdentityEvent]) -> None:
        """Follow these; waits for no disk."""
        with self._lock:
            for event in events:
                if event.type is EventType.CORRECTION:
                    continue
                before = self._open.pop(event.sighting_id, None)
                if event.type is not EventType.END:
                    self._open[event.sighting_id] = replace(event, template=None, explanation=None)
                elif before is not None:
                    self._ended[event.sighting_id] = before

    def close(self) -> None:
        """Write once more; what was followed stays, and `write` may still be called. Never raises."""
        try:
            self.write()
        except OutsideError as error:
            log.warning("%s", error)

    def leave(self, left: OpenNotes) -> None:
        """Write this too from now on, which an earlier monitor left and nobody has closed."""
        with self._lock:
            self._left = left
            self._is_read = True

    def settle(self) -> None:
        """What an earlier monitor left is closed: write it once more only, as what has ended."""
        with self._lock:
            self._ended |= {event.sighting_id: event for event in self._left.last}
            self._left = NOTHING_NOTED

    def write(self) -> None:
        """Write the file, if it would say something else. On any thread, one at a time. Raises OutsideError."""
        with self._writing:
            self._write()

    def _write(self) -> None:
        with self._lock:
            if not self._is_read:
                return
            ended = list(self._ended)
            runs = {RunOfCamera(camera, run) for camera, run in dict(self._runs).items()}
            notes = OpenNotes(
                self._left.runs | runs, (*self._left.last, *self._ended.values(), *self._open.values())
            )
        if notes != self._written:
            write_notes(self._path, notes)
            self._written = notes
        with self._lock:
            for sighting_id in ended:
                self._ended.pop(sighting_id, None)


def write_notes(path: Path, notes: OpenNotes) -> None:
    """Put this in place of the file, whole or not at all. Raises OutsideError."""
    runs = sorted((one.camera, one.run) for one in notes.runs)
    lines = [json.dumps({"runs": runs}), *map(encode, notes.last)]
    part = path.with_suffix(".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OutsideError(f"{path} cannot be written: {reason(error)}; make room") from error


def read_notes(path: Path) -> OpenNotes:
    """What the last monitor noted; nothing where there is no file. What cannot be read of it is passed over and said.

    Raises OutsideError where the file is there and cannot be opened.
    """
    try:
        first, *lines = path.read_text("utf-8", "replace").splitlines() or [""]
    except FileNotFoundError:
        return NOTHING_NOTED
    except OSError as error:
        raise OutsideError(f"{path} cannot be read: {reason(error)}") from error
    try:
        runs = frozenset(RunOfCamera(str(camera), str(run)) for camera, run in json.loads(first)["runs"])
    except (ValueError, KeyError, TypeError):
        log.warning("%s: its first line is damaged", path)
        runs = frozenset()
    return OpenNotes(runs, tuple(_readable(path, lines)))


def _readable(path: Path, lines: Iterable[str]) -> Iterable[IdentityEvent]:
    for line in lines:
        try:
            yield decode(line)
        except EventFormatError as error:
            log.warning("%s: a line is passed over: %s", path, error)

"""The cameras file while a monitor runs: what is saved there shows in the crew a moment later."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from config.cameras import Camera, exposed, load_cameras
from config.errors import ConfigError
from pipeline.assemble.crew import Crew
from pipeline.web.monitored import CamerasApplied

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int]
"""inode, size and time of change: one of them differs after each save"""


class WatchedCameras:
    """Gives the crew the cameras of a file, and those that were named when the program was started.

    A file that cannot be read, is broken or gone changes nothing: the cameras stay as they were. Safe to call from any
    thread.
    """

    def __init__(self, path: Path, given: Sequence[Camera], crew: Crew) -> None:
        """`given` are watched whatever the file says; their ids are not the file's."""
        self.problem: str | None = None
        """why the file as it is now is not followed, one line"""
        self._path = path
        self._given = tuple(given)
        self._crew = crew
        self._lock = threading.Lock()
        self._seen: _Stamp | None = None
        self._warned: str | None = None
        """what was last said about who may read the file"""
        self._emptied: _Stamp | None = None
        """of a file that was empty when it was looked at last"""

    def load(self) -> CamerasApplied:
        """Read the file now, and apply it."""
        with self._lock:
            self._seen = _stamp_of(self._path)
            return self._load()

    def look(self) -> None:
        """Apply the file if it was saved since; call a few times a second."""
        with self._lock:
            stamp = _stamp_of(self._path)
            if stamp == self._seen:
                return
            if stamp is not None and stamp[1] == 0 and stamp != self._emptied:
                self._emptied = stamp  # many programs empty a file before they write it: look again
                return
            self._seen = stamp
            applied = self._load()
        changes = [
            f"{what} {', '.join(names)}"
            for what, names in (
                ("added", applied.added),
                ("removed", applied.removed),
                ("changed", applied.changed),
            )
            if names
        ]
        if changes:
            log.info("%s: %s", self._path, "; ".join(changes))

    def _load(self) -> CamerasApplied:
        try:
            listed = self._listed()
        except ConfigError as error:
            if self.problem != str(error):
                log.warning("%s; the cameras stay as they were", error)
            self.problem = str(error)
            return CamerasApplied(problem=self.problem)
        if self.problem is not None:
            log.info("%s is followed again", self._path)
        self.problem = None
        return self._crew.want([*self._given, *listed])

    def _listed(self) -> tuple[Camera, ...]:
        if self._seen is None:
            if any(each.camera not in self._given for each in self._crew.cameras()):
                raise ConfigError(f"{self._path}: is gone; write it again")
            return ()
        if self._seen[1] == 0 and any(each.camera not in self._given for each in self._crew.cameras()):
            # A full disk, or an editor that has only begun to write: nobody means all cameras by it.
            raise ConfigError(f"{self._path}: is empty; write 'cameras: []' to watch none")
        listed = cameras_beside(self._path, self._given)
        warning = exposed(self._path, listed)
        if warning is not None and warning != self._warned:
            log.warning("%s", warning)
        self._warned = warning
        return listed


def cameras_beside(path: Path, given: Iterable[Camera]) -> tuple[Camera, ...]:
    """The cameras of the file, whose ids are none of those that were given. Raises ConfigError."""
    listed = load_cameras(path)
    names = {camera.id for camera in given}
    for camera in listed:
        if camera.id in names:
            raise ConfigError(
                f"{path}: camera {camera.id} was named on the command line too; rename one of them"
            )
    return listed


def _stamp_of(path: Path) -> _Stamp | None:
    """None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns

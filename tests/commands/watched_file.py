"""A stated monitor that watches a cameras file, as far as its statuses go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from config.cameras import load_cameras
from config.errors import ConfigError
from pipeline.web.monitored import CamerasApplied, CameraState, CameraStatus
from pipeline.web.stated import StatedMonitor
from tests.web.statuses import camera, whole_status


class FileMonitor(StatedMonitor):
    """Its cameras are those of the file when it was read last; they stream, but for those that are said not to."""

    def __init__(self, path: Path, problems: Mapping[str, str] | None = None) -> None:
        super().__init__(whole_status())
        self._path = path
        self._problems = dict(problems or {})
        self.on_reload(self._read)
        self._read()

    def _read(self) -> CamerasApplied:
        before = {each.id for each in self.status().cameras}
        try:
            found = load_cameras(self._path) if self._path.exists() else ()
        except ConfigError as error:
            return CamerasApplied(problem=str(error))
        statuses = tuple(self._status_of(each.id, each.address, each.enabled) for each in found)
        self.state(replace(self.status(), cameras=statuses))
        after = {each.id for each in statuses}
        return CamerasApplied(added=tuple(sorted(after - before)), removed=tuple(sorted(before - after)))

    def _status_of(self, id_: str, address: str, enabled: bool) -> CameraStatus:
        state = CameraState.STREAMING if enabled else CameraState.PAUSED
        if enabled and id_ in self._problems:
            state = CameraState.WAITING
        status = replace(camera(id_, state), address=address, problem=self._problems.get(id_))
        return status if enabled else replace(status, problem=None)

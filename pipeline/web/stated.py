"""A monitor that says what it is told to: for tests, and to see how a status looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from pipeline.web.monitored import CamerasApplied, Explanation, MonitorStatus


class StatedMonitor:
    """A `Monitored` made of plain values, which may be changed while it is asked."""

    def __init__(self, status: MonitorStatus, explanations: Mapping[str, Explanation] | None = None) -> None:
        self.reloads = 0
        self._lock = threading.Lock()
        self._status = status
        self._explanations = dict(explanations or {})
        self._dead: str | None = None
        self._reload: Callable[[], CamerasApplied] = CamerasApplied

    def state(self, status: MonitorStatus) -> None:
        """Have this status from now on."""
        with self._lock:
            self._status = status

    def die(self, reason: str | None) -> None:
        """Not be alive for this reason, or be alive again."""
        with self._lock:
            self._dead = reason

    def on_reload(self, reload: Callable[[], CamerasApplied]) -> None:
        """Answer `reload_cameras` so."""
        with self._lock:
            self._reload = reload

    def status(self) -> MonitorStatus:
        """The last stated."""
        with self._lock:
            return self._status

    def alive(self) -> str | None:
        """The reason that was given to `die`."""
        with self._lock:
            return self._dead

    def ready(self) -> str | None:
        """What the status says."""
        status = self.status()
        return None if status.ready else status.problem or "models are being loaded"

    def metrics(self) -> bytes:
        """One family: the cameras."""
        lines = ["# TYPE facestream_cameras gauge", f"facestream_cameras {len(self.status().cameras)}"]
        return ("\n".join(lines) + "\n").encode()

    def reload_cameras(self) -> CamerasApplied:
        """What `on_reload` was given."""
        with self._lock:
            self.reloads += 1
            reload = self._reload
        return reload()

    def why(self, sighting_id: str) -> Explanation | None:
        """What was given for this sighting."""
        return self._explanations.get(sighting_id)

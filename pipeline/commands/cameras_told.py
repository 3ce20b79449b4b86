"""Telling a running monitor that the cameras file has changed, and what became of a camera there."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pipeline.commands.monitor_client import MonitorClient, running_monitor
from pipeline.errors import OutsideError
from pipeline.web.monitored import CameraState, CameraStatus, MonitorStatus

WAIT_S = 7.0
"""for a camera to answer: a little more than capture.connect_timeout_s"""
POLL_S = 0.2


def tell_monitor(data: Path, settled: Callable[[MonitorStatus], bool]) -> MonitorStatus | None:
    """Have the running monitor read its cameras file; its status once that is `settled`, or WAIT_S have passed.

    None where no monitor runs. Raises OutsideError where the monitor does not take the file, or does not answer.
    """
    client = running_monitor(data)
    if client is None:
        return None
    with client:
        applied = client.reload_cameras()
        if applied.problem is not None:
            raise OutsideError(
                f"the file is changed, and the running monitor did not take it: {applied.problem}"
            )
        return _awaited(client, settled)


def camera_in(status: MonitorStatus, id_: str) -> CameraStatus | None:
    """The camera of this id."""
    return next((camera for camera in status.cameras if camera.id == id_), None)


def answers(id_: str) -> Callable[[MonitorStatus], bool]:
    """Whether the camera has begun to stream, or it is known why it does not."""

    def settled(status: MonitorStatus) -> bool:
        camera = camera_in(status, id_)
        return camera is None or (
            camera.state not in (CameraState.CONNECTING, CameraState.PAUSED) or camera.problem is not None
        )

    return settled


def is_paused(id_: str) -> Callable[[MonitorStatus], bool]:
    """Whether the camera is not watched any more."""

    def settled(status: MonitorStatus) -> bool:
        camera = camera_in(status, id_)
        return camera is None or camera.state is CameraState.PAUSED

    return settled


def is_gone(id_: str) -> Callable[[MonitorStatus], bool]:
    """Whether the monitor has no such camera any more."""
    return lambda status: camera_in(status, id_) is None


def _awaited(client: MonitorClient, settled: Callable[[MonitorStatus], bool]) -> MonitorStatus:
    deadline_s = time.monotonic() + WAIT_S
    status = client.status()
    while not settled(status) and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
        status = client.status()
    return status

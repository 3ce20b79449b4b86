"""Cameras as `cameras` prints them: what the file says, and what a running monitor says of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from config.cameras import Camera
from pipeline.clock import utc_text
from pipeline.commands.report import visible
from pipeline.commands.status_table import STYLES, span
from pipeline.web.monitored import CameraState, CameraStatus, MonitorStatus


@dataclass(frozen=True, slots=True)
class Listed:
    """A camera of the file, of a running monitor, or of both."""

    id: str
    camera: Camera | None
    """in the file; None: the monitor has it from its command line, or had it from an earlier file"""
    live: CameraStatus | None
    """None: no monitor runs, or it does not watch this file"""
    at: datetime | None
    """moment of `live`"""

    @property
    def address(self) -> str:
        """With user and password as stars."""
        if self.camera is not None:
            return self.camera.address
        assert self.live is not None
        return self.live.address

    @property
    def state(self) -> str:
        """What a monitor says, else what the file does."""
        if self.live is not None:
            return self.live.state.value
        return "enabled" if self.camera is not None and self.camera.enabled else CameraState.PAUSED.value


def listed(cameras: Iterable[Camera], status: MonitorStatus | None) -> list[Listed]:
    """The file's cameras in its order, then those that only the monitor has."""
    live = {} if status is None else {each.id: each for each in status.cameras}
    at = None if status is None else status.at
    found = [Listed(camera.id, camera, live.pop(camera.id, None), at) for camera in cameras]
    return [*found, *(Listed(id_, None, each, at) for id_, each in live.items())]


def document(one: Listed) -> dict[str, object]:
    """A camera as a JSON line; the address is masked."""
    told: dict[str, object] = {"id": one.id, "address": one.address, "in_file": one.camera is not None}
    if one.camera is not None:
        told |= one.camera.model_dump(mode="json", exclude={"id", "url"})
    told["state"] = one.state if one.live is not None else None
    if one.live is not None:
        told |= {
            "since": utc_text(one.live.since),
            "problem": one.live.problem,
            "width": one.live.width,
            "height": one.live.height,
            "codec": one.live.codec,
            "fps": one.live.fps,
        }
    return told


def table_of(cameras: Iterable[Listed]) -> Table:
    """A line a camera, with watchlists where there are any. Ids and states stay whole in a narrow terminal."""
    found = list(cameras)
    with_lists = any(one.camera is not None and one.camera.watchlists for one in found)
    table = Table()
    for name in ("camera", "state"):
        table.add_column(name, no_wrap=True)
    table.add_column("address", overflow="fold")
    if with_lists:
        table.add_column("watchlists")
    table.add_column("note")
    for one in found:
        lists = ", ".join(one.camera.watchlists) if one.camera is not None else ""
        style = STYLES[one.live.state] if one.live is not None else ""
        cells = [Text(one.id), Text(one.state, style), Text(visible(one.address))]
        if with_lists:
            cells.append(Text(visible(lists)))
        table.add_row(*cells, Text(note(one)))
    return table


def keys_of(one: Listed) -> Table:
    """A line a key of the file, then what the monitor says."""
    table = Table("key", "value")
    told = document(one)
    for key, value in told.items():
        if value is not None and value != []:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            table.add_row(key, Text(visible(shown)))
    return table


def sentence(one: Listed) -> str:
    """A camera in one line: what it is called, and how it is."""
    words = f"{one.id}: {one.state}"
    return f"{words}, {note(one)}" if note(one) else words


def note(one: Listed) -> str:
    """The problem, or the picture; where the camera is not in the file."""
    live = one.live
    if live is None:
        return ""
    words = ["not in the file"] if one.camera is None else []
    if live.problem is not None:
        is_gone = live.state in (CameraState.WAITING, CameraState.PARKED)
        since = f"{span((one.at - live.since).total_seconds())}: " if is_gone and one.at is not None else ""
        words.append(since + visible(live.problem))
    elif live.state is CameraState.STREAMING and live.width is not None:
        words.append(f"{live.width}x{live.height} {visible(live.codec or '')}".strip())
        words.append(f"{live.fps:.1f} fps")
    return ", ".join(words)

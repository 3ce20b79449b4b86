"""A monitor's status as tables for a terminal, wide or narrow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.commands.report import visible
from pipeline.web.monitored import (
    CameraState,
    CameraStatus,
    ModelStatus,
    MonitorStatus,
    SpoolState,
)

WIDE = 120
"""columns from which all of a camera is on its line"""
MANY = 12
"""lines of problems and hints that are shown at most"""
STYLES = {
    CameraState.STREAMING: "green",
    CameraState.CONNECTING: "yellow",
    CameraState.WAITING: "yellow",
    CameraState.PARKED: "red",
    CameraState.REFUSED: "red",
    CameraState.PAUSED: "dim",
    CameraState.CLOSED: "dim",
    SpoolState.PUBLISHING: "green",
    SpoolState.WAITING: "yellow",
    SpoolState.FULL: "red",
    SpoolState.FAILING: "red",
}


class StatusView:
    """A status, laid out for as many columns as there are when it is printed."""

    def __init__(self, status: MonitorStatus) -> None:
        self._status = status

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield head_of(self._status)
        yield Text()
        yield cameras_of(self._status.cameras, self._status.at, options.max_width >= WIDE)
        yield Text()
        yield stages_of(self._status)
        yield from troubles_of(self._status)


def head_of(status: MonitorStatus) -> Text:
    """The monitor; latency and engine; events and gallery; the embedder, a line each."""
    text = Text()
    text.append("facestream ", "bold")
    text.append(f"{status.version}, process {status.pid}, up {span(status.uptime_s)}, ")
    if status.problem is not None:
        text.append(visible(status.problem), "red")
    else:
        text.append("ready" if status.ready else "not ready yet", "green" if status.ready else "yellow")
    latency = status.latency
    late = latency.p99_ms is not None and latency.p99_ms > latency.bound_ms
    text.append("\nlatency ", "dim").append(f"p50 {milliseconds(latency.p50_ms)}, ")
    text.append(f"p99 {milliseconds(latency.p99_ms)}", "red" if late else "")
    text.append(f" (bound {milliseconds(latency.bound_ms)})   ")
    text.append("engine ", "dim").append(visible(status.engine))
    spool, gallery = status.spool, status.gallery
    text.append("\nevents ", "dim").append(spool.state.value, STYLES[spool.state])
    text.append(f", {spool.waiting:,} waiting, ").append(f"{spool.lost:,} lost", "red" if spool.lost else "")
    text.append("   gallery ", "dim").append(f"{gallery.people:,} people, version {gallery.version}")
    if status.model is not None:
        _model(text, status.model)
    return text


def _model(text: Text, model: ModelStatus) -> None:
    """Which embedder serves, and who is left behind by it."""
    text.append("\nmodel ", "dim").append(visible(model.name))
    if model.since is not None:
        text.append(f" since {model.since:%Y-%m-%d %H:%M} UTC")
    if model.left_behind:
        older = visible(model.older or "")
        text.append(f", {model.left_behind:,} left behind under {older}: embedding costs twice", "yellow")


def cameras_of(cameras: tuple[CameraStatus, ...], at: datetime, wide: bool) -> RenderableType:
    """A line a camera; `at` is the moment that times are told against."""
    if not cameras:
        return Text("no camera; add one: python run_pipeline.py cameras add ID URL", "yellow")
    table = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="dim", expand=False)
    table.add_column("camera", overflow="fold", min_width=8)
    table.add_column("state", no_wrap=True)
    figures = ["since", "fps", "looks/s", "faces", "seen", "last"]
    if wide:
        figures = ["since", "picture", "fps", "looks/s", "skipped", "dropped", "faces", "seen", "last"]
    for name in figures:
        table.add_column(name, justify="right", no_wrap=True)
    for camera in cameras:
        table.add_row(Text(camera.id), Text(camera.state, STYLES[camera.state]), *_figures(camera, at, wide))
    return table


def stages_of(status: MonitorStatus) -> RenderableType:
    """All stages on a line or two: how busy, what waits, restarts."""
    text = Text().append("stages ", "dim")
    for place, stage in enumerate(status.stages):
        text.append(", " if place else "").append(f"{visible(stage.name)} {stage.busy:.0%}")
        if stage.queue_items:
            text.append(f" ({stage.queue_items:,} wait)")
        if stage.restarts:
            text.append(f" {stage.restarts} restarts", "red")
    return text


def troubles_of(status: MonitorStatus) -> list[Text]:
    """A line each: what is wrong, and what to change about the cameras; the first MANY."""
    lines = [
        *(_trouble(camera.id, camera.problem) for camera in status.cameras if camera.problem is not None),
        *(_trouble(stage.name, stage.problem) for stage in status.stages if stage.problem is not None),
        *(_trouble("events", problem) for problem in (status.spool.problem,) if problem is not None),
        *(_trouble("model", one.problem) for one in (status.model,) if one is not None and one.problem),
        *(_trouble("gallery", problem) for problem in (status.gallery.problem,) if problem is not None),
    ]
    lines += (
        Text(f"{visible(camera.id)}: ", "dim").append(visible(camera.hint), "")
        for camera in status.cameras
        if camera.hint is not None
    )
    if len(lines) > MANY:
        lines = [*lines[: MANY - 1], Text(f"and {len(lines) - MANY + 1} more; see --json", "dim")]
    return [Text(), *lines] if lines else []


def span(seconds: float) -> str:
    """A duration in two or three characters and a unit.

    >>> span(59.9), span(61), span(3 * 3600 + 420), span(200_000)
    ('59s', '1m', '3h07', '2d7h')
    """
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86_400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}"
    return f"{whole // 86_400}d{whole % 86_400 // 3600}h"


def milliseconds(value: float | None) -> str:
    """Milliseconds, or a dash for none yet."""
    return "–" if value is None else f"{value:.0f} ms"


def _figures(camera: CameraStatus, at: datetime, wide: bool) -> list[Text]:
    last = "–" if camera.last_frame_at is None else span((at - camera.last_frame_at).total_seconds())
    slowed = camera.state is CameraState.STREAMING and camera.looks_hz < 0.8 * camera.looks_wanted_hz
    looks = Text(f"{camera.looks_hz:.1f}/{camera.looks_wanted_hz:g}", "yellow" if slowed else "")
    since = Text(span((at - camera.since).total_seconds()))
    picture = "–" if camera.width is None else f"{camera.width}x{camera.height} {visible(camera.codec or '')}"
    dropped = camera.dropped + camera.lost
    seen = camera.sightings + camera.sightings_open
    before = [Text(picture.strip())] if wide else []
    between = [Text(count(camera.skipped)), Text(count(dropped), "yellow" if dropped else "")] if wide else []
    return [
        *(since, *before, Text(f"{camera.fps:.1f}"), looks, *between),
        *(Text(count(camera.faces)), Text(count(seen)), Text(last)),
    ]


def count(value: int) -> str:
    """A count in at most six characters: 99,999, then 100k, 12.3M, 1.2G.

    >>> count(99_999), count(123_456), count(12_345_678), count(9_876_543_210)
    ('99,999', '123k', '12.3M', '9.9G')
    """
    if value < 100_000:
        return f"{value:,}"
    if value < 1_000_000:
        return f"{value // 1000}k"
    if value < 1_000_000_000:
        return f"{value / 1e6:.1f}M"
    return f"{value / 1e9:.1f}G"


def _trouble(name: str, problem: str) -> Text:
    return Text(f"{visible(name)}: ", "bold").append(visible(problem), "not bold")

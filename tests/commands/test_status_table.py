"""How a status looks, in terminals of several widths."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from pipeline.commands.status_table import MANY, STYLES, StatusView
from pipeline.web.monitored import CameraState, MonitorStatus, SpoolState
from tests.web.statuses import camera, troubled_status, whole_status


def drawn(status: MonitorStatus, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        console.print(StatusView(status))
    return capture.get().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_figures_are_whole_in_every_width(width: int) -> None:
    lines = drawn(troubled_status(), width)
    assert max(len(line) for line in lines) <= width
    (door,) = [line.split() for line in lines if line.startswith("front-door ")]
    assert door[:3] == ["front-door", "streaming", "3h07"]
    assert ("1920x1080" in door) == (width >= 120)
    assert {"25.0", "10.0/10", "18,220", "414"} <= set(door)
    assert not any("…" in line for line in lines)


def test_sixteen_cameras_fit_a_usual_terminal() -> None:
    cameras = [replace(camera(f"camera-{number}"), unnamed=(), hint=None) for number in range(16)]
    assert len(drawn(whole_status(*cameras), 80)) <= 26


def test_nothing_yet() -> None:
    lines = drawn(replace(whole_status(), cameras=(), ready=False, stages=()), 80)
    assert any("no camera; add one" in line for line in lines)
    assert "not ready yet" in lines[0]


def test_troubles_are_few_lines_and_what_they_quote_is_harmless() -> None:
    cameras = [
        replace(camera(f"camera-{number}"), problem="gone\x1b[2J\n[red]x[/red]") for number in range(40)
    ]
    lines = drawn(whole_status(*cameras), 100)
    assert "camera-0: gone\\x1b[2J\\n[red]x[/red]" in lines
    assert sum(": gone" in line for line in lines) == MANY - 1
    assert lines[-1] == f"and {80 - MANY + 1} more; see --json"


def test_every_state_has_its_colour() -> None:
    assert set(STYLES) == {*CameraState, *SpoolState}

"""`status`: once, as JSON, live, and where no monitor runs."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.web.announcement import FILE, only_monitor
from pipeline.web.stated import StatedMonitor
from run_pipeline import main
from tests.web.serving import serving
from tests.web.statuses import AT, troubled_status, whole_status

ROOT = Path(__file__).parents[2]


def run(data: Path, *arguments: str) -> int:
    return main(["status", *arguments, "--data", str(data)])


def test_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(StatedMonitor(troubled_status()), tmp_path):
        assert run(tmp_path, "--once") == 0
        said = capsys.readouterr().out
        assert run(tmp_path) == 0  # no terminal: once
        assert capsys.readouterr().out == said
    for words in (
        "events wait: Redis is away",
        "front-door",
        "parked",
        "move the camera nearer",
        "2 restarts",
    ):
        assert words in said


def test_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(StatedMonitor(whole_status()), tmp_path):
        assert run(tmp_path, "--once", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["cameras"][0]["id"] == "front-door"
    assert told["started_at"] == "2026-05-01T05:30:00.000Z"


def test_the_pages_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(StatedMonitor(whole_status()), tmp_path) as found:
        assert run(tmp_path, "--page") == 0
    assert capsys.readouterr().out == f"{found.address}/#token={found.token}\n"


def test_no_monitor_is_one_line_and_makes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "none"
    assert run(data, "--once") == 3
    said = capsys.readouterr().err
    assert said == (
        f"facestream: no monitor runs on {data}; start one: python run_pipeline.py monitor --data {data}\n"
    )
    assert not data.exists()


def test_a_monitor_that_says_nothing_sensible(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"address": "http://127.0.0.1:1", "token": "t", "pid": 7, "started_at": AT.isoformat()}
    with only_monitor(tmp_path):
        (tmp_path / FILE).write_text(json.dumps(told))
        assert run(tmp_path, "--once") == 3
        assert "the monitor at http://127.0.0.1:1 has ended" in capsys.readouterr().err
    with serving(StatedMonitor(whole_status()), tmp_path) as found:
        wrong = {**told, "address": found.address}
        (tmp_path / FILE).write_text(json.dumps(wrong))
        assert run(tmp_path, "--once") == 3
        assert "the monitor says: send Authorization" in capsys.readouterr().err


PROGRAM = """
import signal
import sys
from run_pipeline import main
# A shell that runs the tests in the background has all that they start ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(["status", "--data", sys.argv[1]]))
"""


class Terminal:
    """`status` in a terminal of its own."""

    def __init__(self, data: Path) -> None:
        self.shown = ""
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(data)],
            cwd=ROOT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "COLUMNS": "80", "LINES": "40", "TERM": "xterm"},
        )
        os.close(theirs)

    def wait_for(self, words: str) -> None:
        """Read until the words are shown. Raises AssertionError where they never are."""
        until_s = time.monotonic() + 20.0
        while words not in self.shown:
            assert time.monotonic() < until_s, f"{words!r} is not in {self.shown!r}"
            if select.select([self._ours], [], [], 0.5)[0]:
                self.shown += os.read(self._ours, 65536).decode()

    def ended(self) -> int:
        """The exit code; what is still shown is read."""
        code = self.process.wait(20.0)
        with suppress(OSError):  # EIO: nobody has the other side any more
            while part := os.read(self._ours, 65536):
                self.shown += part.decode()
        os.close(self._ours)
        return code


def test_live_until_ctrl_c(tmp_path: Path) -> None:
    monitor = StatedMonitor(whole_status())
    with serving(monitor, tmp_path):
        terminal = Terminal(tmp_path)
        terminal.wait_for("front-door")
        monitor.state(replace(whole_status(), problem="the gallery cannot be followed"))
        terminal.wait_for("the gallery cannot be followed")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.ended() == 0
    assert "Traceback" not in terminal.shown
    assert terminal.shown.count("\x1b[?25h") == 1  # the cursor is back


def test_live_until_the_monitor_ends(tmp_path: Path) -> None:
    with serving(StatedMonitor(whole_status()), tmp_path):
        terminal = Terminal(tmp_path)
        terminal.wait_for("front-door")
    assert terminal.ended() == 3
    assert "has ended" in terminal.shown

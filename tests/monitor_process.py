"""The monitor as a process of a test: its standard output and error in files, asked as the commands ask it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.commands.monitor_client import MonitorClient
from pipeline.web.announcement import find_monitor
from tests.conftest import ROOT

WAIT_S = 60.0
"""for anything that takes a moment; test machines stand still at times"""


class MonitorProcess:
    """`monitor` with its standard output and error in files."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self.out, self.err = data / "out.jsonl", data / "err.log"
        command = [
            sys.executable,
            str(ROOT / "run_pipeline.py"),
            "monitor",
            *arguments,
            "--json",
            "--data",
            str(data),
        ]
        with self.out.open("w") as out, self.err.open("w") as err:
            environment = {"FACESTREAM__HTTP__LISTEN": "127.0.0.1:0", **os.environ}
            self.process = subprocess.Popen(command, stdout=out, stderr=err, cwd=ROOT, env=environment)

    def client(self) -> MonitorClient:
        found = self.wait_for(lambda: find_monitor(self.data))
        return MonitorClient(found)

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        """What the condition gives, once that is something."""
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            assert self.process.poll() is None, self.err.read_text()
            answer = condition()
            if answer:
                return answer
            time.sleep(0.05)
        raise AssertionError(f"not within {WAIT_S} s\n{self.err.read_text()}")

    def events(self) -> list[dict[str, Any]]:
        """Printed so far, whole lines."""
        return [
            json.loads(line) for line in self.out.read_text().splitlines(keepends=True) if line.endswith("\n")
        ]

    def end(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)


@contextmanager
def monitors(data: Path) -> Iterator[Callable[..., MonitorProcess]]:
    """Starts monitors on this folder; what still runs at the end is killed."""
    started: list[MonitorProcess] = []

    def begin(*arguments: str) -> MonitorProcess:
        started.append(MonitorProcess(data, *arguments))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()

"""Real camera servers that a test starts, kills, freezes and lets come back."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SYSTEM_PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("rtsp_server.py")


class RtspServer:
    """GStreamer's RTSP server in a process of its own; as a context manager it is gone afterwards."""

    def __init__(self, *arguments: str, port: int = 0) -> None:
        """`arguments` are those of rtsp_server.py; port 0: any that is free, and the same one after a restart."""
        self._arguments = arguments
        self.port = port
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Its address, without user and password."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def start(self) -> None:
        """Serve; returns once the port is open."""
        command = [SYSTEM_PYTHON, str(SCRIPT), "--port", str(self.port), *self._arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.strip().isdigit(), f"no RTSP server: {line!r}"
        self.port = int(line)

    def kill(self) -> None:
        """End it as a power cut does; returns once it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def freeze(self) -> None:
        """Let it hang: connections stay open, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def gstreamer_missing() -> str | None:
    """Why no RtspServer can run here, or None."""
    wants = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    try:
        tried = subprocess.run([SYSTEM_PYTHON, "-c", wants], capture_output=True, text=True, timeout=30)
    except OSError as error:
        return str(error)
    return None if tried.returncode == 0 else "GStreamer's RTSP server is not installed"


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Starter = Callable[..., RtspServer]


def stop_all(servers: Sequence[RtspServer]) -> None:
    """Kill them, frozen ones too."""
    for server in servers:
        server.kill()

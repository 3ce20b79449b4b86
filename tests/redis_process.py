"""A real redis-server as a process of the test: started with any settings, killed, frozen, started again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import redis

from pipeline.events.delivery.redis_server import redis_executable

START_TIMEOUT_S = 30.0
DURABLE = {"appendonly": "yes", "appendfsync": "everysec", "save": ""}
"""as our own server runs: a kill loses its last second"""


def system_redis() -> Path:
    """The redis-server of the system; skips without one, fails where FACESTREAM_REQUIRE promises it."""
    found = shutil.which("redis-server")
    if found is not None:
        return Path(found)
    if "redis" in os.environ.get("FACESTREAM_REQUIRE", "").split(","):
        pytest.fail("FACESTREAM_REQUIRE promises redis, and there is no redis-server on PATH")
    pytest.skip("there is no redis-server on PATH")


def executable(name: str) -> Path:
    """`embedded`: the server that we run ourselves (6.2); `system`: the one on PATH."""
    return redis_executable() if name == "embedded" else system_redis()


class RedisProcess:
    """One server, in a folder of its own, on a Unix socket there, and on what else its settings say."""

    def __init__(
        self, folder: Path, server: Path, settings: Mapping[str, str] | None = None, user: str = ""
    ) -> None:
        """`user`: `name:password` that the test itself speaks to the server with."""
        self.folder = folder
        self.executable = server
        self._settings = {"port": "0", "unixsocket": "s", "dir": ".", "save": "", **(settings or {})}
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """Address of its Unix socket, with the user of the test."""
        return f"unix://{self._user}{'@' if self._user else ''}{self.folder / 's'}"

    @property
    def pid(self) -> int:
        """of the server"""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [str(self.executable)]
        for key, value in self._settings.items():
            command += [f"--{key}", *value.split(" ")] if value else [f"--{key}", ""]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        until = time.monotonic() + START_TIMEOUT_S
        while True:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.exceptions.AuthenticationError:
                return  # it answers, and does not know the test
            except (redis.RedisError, OSError):
                assert time.monotonic() < until, (self.folder / "log").read_text()
                time.sleep(0.01)

    def client(self) -> redis.Redis:
        """A connection of the test."""
        return redis.Redis.from_url(self.url, protocol=2, socket_timeout=10.0)

    def kill(self) -> None:
        """As a power loss, but for what the kernel has."""
        self._end(signal.SIGKILL)

    def append_only_file(self) -> Path:
        """Where it writes what it does; up to Redis 6 one file, later the newest of several."""
        files = [self.folder / "appendonly.aof", *self.folder.glob("appendonlydir/*.incr.aof")]
        (file,) = [each for each in files if each.is_file()]
        return file

    def freeze(self) -> None:
        """It takes connections, and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It answers again."""
        os.kill(self.pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it, however it is."""
        if self._process is not None:
            self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(30)
        self._process = None

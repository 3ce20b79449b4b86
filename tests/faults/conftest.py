"""Real servers that fault tests start: cameras."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.faults.servers import RtspServer, Starter, gstreamer_missing, stop_all


def pytest_configure(config: pytest.Config) -> None:
    """Knows this folder's own marker wherever tests are run from."""
    config.addinivalue_line("markers", "soak: a fault test of minutes; make soak")


@pytest.fixture(scope="session")
def gstreamer() -> None:
    """Skips where GStreamer's RTSP server is not installed; fails where FACESTREAM_REQUIRE promises `gstreamer`."""
    missing = gstreamer_missing()
    if missing is None:
        return
    if "gstreamer" in os.environ.get("FACESTREAM_REQUIRE", "").split(","):
        pytest.fail(f"FACESTREAM_REQUIRE promises gstreamer: {missing}")
    pytest.skip(missing)


@pytest.fixture
def rtsp(gstreamer: None) -> Iterator[Starter]:
    """Starts RTSP servers with the arguments of rtsp_server.py; they are gone when the test ends."""
    servers: list[RtspServer] = []

    def start(*arguments: str, port: int = 0) -> RtspServer:
        server = RtspServer(*arguments, port=port)
        servers.append(server)
        server.start()
        return server

    yield start
    stop_all(servers)

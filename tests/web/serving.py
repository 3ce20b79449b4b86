"""A server with a stated monitor, and a client that asks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from pipeline.web.announcement import Announcement, find_monitor
from pipeline.web.monitored import Monitored
from pipeline.web.server import HttpServer


@contextmanager
def serving(monitor: Monitored, data: Path) -> Iterator[Announcement]:
    """The monitor, served on a free port while this is open."""
    with HttpServer(monitor, "127.0.0.1:0", data):
        found = find_monitor(data)
        assert found is not None
        yield found


def client_of(found: Announcement, token: str | None = "") -> httpx.Client:
    """A client with the right token, another, or (None) no token."""
    headers = {} if token is None else {"Authorization": f"Bearer {token or found.token}"}
    return httpx.Client(base_url=found.address, headers=headers, trust_env=False, timeout=10.0)

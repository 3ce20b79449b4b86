"""Clients that hold connections open, or send what nobody can read."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from pipeline.web import connections
from pipeline.web.announcement import Announcement
from pipeline.web.stated import StatedMonitor
from tests.web.serving import client_of, serving
from tests.web.statuses import camera, whole_status

MANY = 120
"""connections at once, below the usual limit of open files"""


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Announcement]:
    with serving(StatedMonitor(whole_status()), tmp_path) as found:
        yield found


def connect(found: Announcement) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", int(found.address.rpartition(":")[2])), timeout=10.0)
    made.settimeout(10.0)
    return made


def is_over(connection: socket.socket) -> bool:
    """Whether the other side lets go of the connection, within the socket's timeout."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_of_too_many_connections_the_longest_idle_go(
    found: Announcement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 600.0)  # which would cut them too
    with ExitStack() as held, selectors.DefaultSelector() as closing:
        for number in range(MANY):
            idle = held.enter_context(connect(found))
            idle.sendall(b"GET /status HTTP/1.1\r\nX-Slow: ")
            closing.register(idle, selectors.EVENT_READ)
            if number % 40 == 0:
                with client_of(found) as http:
                    assert http.get("/status").status_code == 200
        over, until_s = 0, time.monotonic() + 30.0
        while over < MANY - connections.MAX_CONNECTIONS and time.monotonic() < until_s:
            for key, _ in closing.select(0.5):
                assert isinstance(key.fileobj, socket.socket)
                assert is_over(key.fileobj)
                closing.unregister(key.fileobj)
                over += 1
        assert over >= MANY - connections.MAX_CONNECTIONS
        with client_of(found) as http:
            assert http.get("/status").status_code == 200


def test_a_request_that_does_not_end_is_cut(found: Announcement, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.2)
    with connect(found) as silent, connect(found) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        began = time.monotonic()
        assert is_over(silent)
        assert is_over(slow)
        assert time.monotonic() - began < 5.0


def test_an_answer_that_nobody_reads_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_S", 0.3)
    many = whole_status(*(camera(f"camera-{number}") for number in range(20_000)))
    with serving(StatedMonitor(many), tmp_path) as found, connect(found) as deaf:
        request = f"GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {found.token}\r\n\r\n"
        deaf.sendall(request.encode())
        taken = deaf.recv(1)
        time_out = time.monotonic() + 10.0
        with client_of(found) as http:  # the server is not held up
            while time.monotonic() < time_out and http.get("/health").status_code != 200:
                pass
        try:
            while part := deaf.recv(1 << 20):
                taken += part
        except ConnectionResetError:
            pass
        assert taken.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 100_000,
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /cameras/reload HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["header", "path", "noise", "hosts", "version", "chunks"],
)
def test_requests_that_are_none(found: Announcement, request_: bytes) -> None:
    with connect(found) as connection:
        try:
            connection.sendall(request_)
            answer = connection.recv(4096)
        except ConnectionError:
            answer = b""
        assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5"))
    with client_of(found) as http:
        assert http.get("/status").status_code == 200


def test_many_requests_on_one_connection(found: Announcement) -> None:
    with client_of(found) as http:
        answers = [http.get("/status") for _ in range(50)]
    assert {answer.status_code for answer in answers} == {200}
    with pytest.raises(httpx.HTTPError), httpx.Client(trust_env=False) as other:
        other.get(found.address.replace("http://", "https://"))

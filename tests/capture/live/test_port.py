"""Whether somebody listens."""

from __future__ import annotations

import socket

from pipeline.capture.live.port import Port


def test_a_port_opens_and_closes() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = Port("127.0.0.1", listener.getsockname()[1])
    assert port.is_open()
    listener.close()
    assert not port.is_open()


def test_a_name_that_nobody_has_is_not_open() -> None:
    assert not Port("nobody.invalid", 554).is_open()
    assert not Port("a" * 300, 554).is_open()
